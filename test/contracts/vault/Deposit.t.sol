// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {ERC3009} from "@openzeppelin/contracts/token/ERC20/extensions/draft-ERC3009.sol";
import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {IGoverned} from "../../../contracts/interfaces/IGoverned.sol";
import {ISettlementVault} from "../../../contracts/interfaces/ISettlementVault.sol";
import {TestStablecoin} from "../../../contracts/mocks/TestStablecoin.sol";
import {SettlementVault} from "../../../contracts/SettlementVault.sol";
import {HostileToken} from "../mocks/HostileToken.sol";
import {VaultFixture} from "../support/VaultFixture.sol";

/// @dev Deposits whose reference only the payer can choose.
contract DepositTest is VaultFixture {
    uint256 private constant PAYER_KEY = uint256(keccak256("payer"));
    bytes32 private constant REFERENCE = bytes32(bytes16(0x018f000000007000800000000000aaaa));
    bytes32 private constant OTHER = bytes32(bytes16(0x018f000000007000800000000000bbbb));
    bytes32 private constant SALT = keccak256("salt");
    uint256 private constant VALUE = 250e6;

    address private payer;
    uint256 private deadline;

    function setUp() public {
        deployVault();
        payer = vm.addr(PAYER_KEY);
        token.mint(payer, 1000e6);
        deadline = block.timestamp + 1 hours;
    }

    function test_anAuthorizationIsADepositWithItsReference() public {
        ISettlementVault.PermitSignature memory signature = authorization(address(vault), REFERENCE, SALT);
        vm.expectEmit(address(vault));
        emit ISettlementVault.Deposited(REFERENCE, address(token), payer, VALUE);
        deposit(REFERENCE, SALT, signature);
        eq(token.balanceOf(address(vault)), FUNDS + VALUE, "arrived");
    }

    function test_aFrontRunnerCannotPutHisOwnReference() public {
        ISettlementVault.PermitSignature memory signature = authorization(address(vault), REFERENCE, SALT);
        vm.expectPartialRevert(ERC3009.ERC3009InvalidSignature.selector);
        deposit(OTHER, SALT, signature);
        vm.expectPartialRevert(ERC3009.ERC3009InvalidSignature.selector);
        deposit(REFERENCE, OTHER, signature);
    }

    function test_anAuthorizationIsUsedOnce() public {
        ISettlementVault.PermitSignature memory signature = authorization(address(vault), REFERENCE, SALT);
        deposit(REFERENCE, SALT, signature);
        vm.expectPartialRevert(ERC3009.ERC3009UsedAuthorization.selector);
        deposit(REFERENCE, SALT, signature);
    }

    function test_onlyTheVaultCanUseAnAuthorizationForTheVault() public {
        // Straight at the token it would be a plain transfer without a reference.
        ISettlementVault.PermitSignature memory s = authorization(address(vault), REFERENCE, SALT);
        bytes32 nonce = keccak256(abi.encodePacked(REFERENCE, SALT));
        vm.expectRevert(abi.encodeWithSelector(IERC20Errors.ERC20InvalidReceiver.selector, address(vault)));
        token.receiveWithAuthorization(payer, address(vault), VALUE, 0, deadline, nonce, s.v, s.r, s.s);
        vm.expectPartialRevert(ERC3009.ERC3009InvalidSignature.selector);
        token.transferWithAuthorization(payer, address(vault), VALUE, 0, deadline, nonce, s.v, s.r, s.s);
    }

    function test_anAuthorizationForAnotherVaultIsNone() public {
        ISettlementVault.PermitSignature memory signature = authorization(address(0xbad), REFERENCE, SALT);
        vm.expectPartialRevert(ERC3009.ERC3009InvalidSignature.selector);
        deposit(REFERENCE, SALT, signature);
    }

    function test_aPermitIsADepositWithTheReferenceThatThePayerSigned() public {
        ISettlementVault.PermitSignature memory permit = permitFor(VALUE);
        bytes memory signature = referenceFor(PAYER_KEY, REFERENCE, VALUE);
        vm.expectEmit(address(vault));
        emit ISettlementVault.Deposited(REFERENCE, address(token), payer, VALUE);
        depositByPermit(REFERENCE, VALUE, permit, signature);
        eq(token.balanceOf(address(vault)), FUNDS + VALUE, "arrived");
        eq(token.allowance(payer, address(vault)), 0, "all of the allowance used");
    }

    function test_aPermitThatAFrontRunnerUsedIsNoHindrance() public {
        ISettlementVault.PermitSignature memory p = permitFor(VALUE);
        bytes memory signature = referenceFor(PAYER_KEY, REFERENCE, VALUE);
        vm.prank(address(0xf407));
        token.permit(payer, address(vault), VALUE, deadline, p.v, p.r, p.s);
        depositByPermit(REFERENCE, VALUE, p, signature);
        eq(token.balanceOf(address(vault)), FUNDS + VALUE, "arrived");
    }

    function test_aPermitThatFailsNeedsTheAllowance() public {
        ISettlementVault.PermitSignature memory none;
        bytes memory signature = referenceFor(PAYER_KEY, REFERENCE, VALUE);
        vm.expectPartialRevert(IERC20Errors.ERC20InsufficientAllowance.selector);
        depositByPermit(REFERENCE, VALUE, none, signature);
        vm.prank(payer);
        token.approve(address(vault), VALUE);
        depositByPermit(REFERENCE, VALUE, none, signature);
    }

    function test_nobodyElseChoosesTheReferenceOfAPermit() public {
        vm.prank(payer);
        token.approve(address(vault), type(uint256).max);
        ISettlementVault.PermitSignature memory permit = permitFor(VALUE);
        bytes memory signature = referenceFor(PAYER_KEY, REFERENCE, VALUE);
        vm.expectPartialRevert(ISettlementVault.ReferenceNotSigned.selector);
        depositByPermit(OTHER, VALUE, permit, signature);
        vm.expectPartialRevert(ISettlementVault.ReferenceNotSigned.selector);
        depositByPermit(REFERENCE, VALUE + 1, permit, signature);
        signature = referenceFor(VAULT_KEY, REFERENCE, VALUE);
        vm.expectPartialRevert(ISettlementVault.ReferenceNotSigned.selector);
        depositByPermit(REFERENCE, VALUE, permit, signature);
        // A malformed signature recovers to nobody, and nobody is no payer.
        vm.expectPartialRevert(ISettlementVault.ReferenceNotSigned.selector);
        vault.depositWithPermit(address(0), address(token), VALUE, REFERENCE, deadline, permit, "");
    }

    function test_aSignedReferenceIsUsedOnce() public {
        vm.prank(payer);
        token.approve(address(vault), type(uint256).max);
        ISettlementVault.PermitSignature memory none;
        bytes memory signature = referenceFor(PAYER_KEY, REFERENCE, VALUE);
        depositByPermit(REFERENCE, VALUE, none, signature);
        vm.expectPartialRevert(ISettlementVault.DepositReplayed.selector);
        depositByPermit(REFERENCE, VALUE, none, signature);
    }

    function test_aReferenceForAnotherVaultOrChainOrAfterItsDeadlineIsRefused() public {
        vm.prank(payer);
        token.approve(address(vault), type(uint256).max);
        ISettlementVault.PermitSignature memory none;
        bytes memory signature = referenceFor(PAYER_KEY, REFERENCE, VALUE);
        SettlementVault other = new SettlementVault(address(this), GUARDIAN, vm.addr(VAULT_KEY), ledgerAnchor, BOOK);
        vm.expectPartialRevert(ISettlementVault.ReferenceNotSigned.selector);
        other.depositWithPermit(payer, address(token), VALUE, REFERENCE, deadline, none, signature);
        uint256 here = block.chainid;
        vm.chainId(here + 1);
        vm.expectPartialRevert(ISettlementVault.ReferenceNotSigned.selector);
        depositByPermit(REFERENCE, VALUE, none, signature);
        vm.chainId(here);
        vm.warp(deadline + 1);
        vm.expectRevert(abi.encodeWithSelector(ISettlementVault.DepositExpired.selector, deadline, deadline + 1));
        depositByPermit(REFERENCE, VALUE, none, signature);
    }

    function test_anUnlistedTokenIsNotTaken() public {
        ISettlementVault.PermitSignature memory a = authorization(address(vault), REFERENCE, SALT);
        bytes memory signature = referenceFor(PAYER_KEY, REFERENCE, VALUE);
        vault.unlist(address(token));
        vm.expectRevert(abi.encodeWithSelector(ISettlementVault.TokenNotListed.selector, address(token)));
        deposit(REFERENCE, SALT, a);
        vm.expectRevert(abi.encodeWithSelector(ISettlementVault.TokenNotListed.selector, address(token)));
        depositByPermit(REFERENCE, VALUE, a, signature);
    }

    function test_thePausedVaultTakesNothing() public {
        ISettlementVault.PermitSignature memory a = authorization(address(vault), REFERENCE, SALT);
        vault.pause();
        vm.expectPartialRevert(IGoverned.IsPaused.selector);
        deposit(REFERENCE, SALT, a);
        vm.expectPartialRevert(IGoverned.IsPaused.selector);
        depositByPermit(REFERENCE, VALUE, a, "");
    }

    function test_aDepositOfNothingIsRefused() public {
        ISettlementVault.PermitSignature memory none;
        bytes memory signature = referenceFor(PAYER_KEY, REFERENCE, 0);
        vm.expectPartialRevert(ISettlementVault.ZeroAmount.selector);
        depositByPermit(REFERENCE, 0, none, signature);
    }

    function test_aTokenThatBeginsToTakeAFeeIsRefusedAtTheDeposit() public {
        HostileToken fee = new HostileToken();
        listToken(address(fee));
        fee.mint(payer, VALUE);
        vm.prank(payer);
        fee.approve(address(vault), VALUE);
        fee.set(address(vault), HostileToken.Behaviour.TakesAFee);
        token = TestStablecoin(address(fee));
        ISettlementVault.PermitSignature memory none;
        bytes memory signature = referenceFor(PAYER_KEY, REFERENCE, VALUE);
        vm.expectRevert(
            abi.encodeWithSelector(ISettlementVault.AmountMismatch.selector, address(fee), VALUE, VALUE - VALUE / 100)
        );
        depositByPermit(REFERENCE, VALUE, none, signature);
    }

    function deposit(bytes32 ref, bytes32 salt, ISettlementVault.PermitSignature memory signature) private {
        vault.depositWithAuthorization(address(token), payer, VALUE, 0, deadline, ref, salt, signature);
    }

    function depositByPermit(
        bytes32 ref,
        uint256 value,
        ISettlementVault.PermitSignature memory permit,
        bytes memory signature
    ) private {
        vault.depositWithPermit(payer, address(token), value, ref, deadline, permit, signature);
    }

    function authorization(
        address to,
        bytes32 ref,
        bytes32 salt
    ) private view returns (ISettlementVault.PermitSignature memory) {
        bytes32 typeHash = keccak256(
            "ReceiveWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)"
        );
        bytes32 nonce = keccak256(abi.encodePacked(ref, salt));
        return byPayer(keccak256(abi.encode(typeHash, payer, to, VALUE, 0, deadline, nonce)));
    }

    function permitFor(uint256 value) private view returns (ISettlementVault.PermitSignature memory) {
        bytes32 typeHash = keccak256(
            "Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"
        );
        return byPayer(keccak256(abi.encode(typeHash, payer, address(vault), value, token.nonces(payer), deadline)));
    }

    function byPayer(bytes32 structHash) private view returns (ISettlementVault.PermitSignature memory) {
        bytes32 digest = keccak256(abi.encodePacked(hex"1901", token.DOMAIN_SEPARATOR(), structHash));
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(PAYER_KEY, digest);
        return ISettlementVault.PermitSignature(v, r, s);
    }

    function referenceFor(uint256 key, bytes32 ref, uint256 value) private view returns (bytes memory) {
        bytes32 typeHash = keccak256(
            "DepositReference(address owner,address token,uint256 value,bytes32 reference,uint256 deadline)"
        );
        return vaultSigns(key, keccak256(abi.encode(typeHash, payer, address(token), value, ref, deadline)));
    }
}
