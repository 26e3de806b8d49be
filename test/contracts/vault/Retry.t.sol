// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IGoverned} from "../../../contracts/interfaces/IGoverned.sol";
import {ISettlementVault} from "../../../contracts/interfaces/ISettlementVault.sol";
import {TestStablecoin} from "../../../contracts/mocks/TestStablecoin.sol";
import {VaultFixture} from "../support/VaultFixture.sol";

/// @dev Payees who cannot be paid, retries, and cancellations that race with them.
contract RetryTest is VaultFixture {
    function setUp() public {
        deployVault();
    }

    function test_aBlockListedPayeeDoesNotStopTheOthers() public {
        token.setBlocked(payee(1), true);
        Payable memory p = ready(words(3));
        vm.expectEmit(address(vault));
        emit ISettlementVault.PaymentFailed(p.id, 1, payee(1), 2e6, TestStablecoin.Blocked.selector);
        vm.expectEmit(address(vault));
        emit ISettlementVault.Paid(p.id, address(token), 5, 4e6);
        eq(pay(p), 5, "the others are paid");
        eq(token.balanceOf(payee(1)), 0, "he is not");
        eq(vault.spentToday(address(token)), 4e6, "what failed is not spent");
    }

    function test_whoCouldNotBePaidIsRetriedByAnybody() public {
        token.setBlocked(payee(1), true);
        Payable memory p = ready(words(3));
        pay(p);
        eq(retry(p, 1), 0, "still blocked");
        token.setBlocked(payee(1), false);
        vm.prank(address(0xa17));
        eq(retry(p, 1), 2, "paid");
        eq(token.balanceOf(payee(1)), 2e6, "once");
        eq(settledBits(p.id), 7, "all settled");
        vm.expectRevert(abi.encodeWithSelector(ISettlementVault.NothingToPay.selector, p.id));
        retry(p, 1);
    }

    function test_aFullFailureCannotBeReplayed() public {
        token.pause();
        Payable memory p = ready(words(3));
        eq(pay(p), 0, "nobody is paid");
        token.unpause();
        vm.expectRevert(abi.encodeWithSelector(ISettlementVault.AlreadyOpened.selector, p.id));
        pay(p);
        uint8[] memory all = new uint8[](5);
        (all[0], all[1], all[2], all[3], all[4]) = (2, 0, 1, 1, 2);
        eq(vault.retry(p.instruction, p.words, all), 7, "an index named twice is paid once");
        eq(token.balanceOf(address(vault)), FUNDS - 6e6, "once each");
    }

    function test_nothingIsRetriedAfterTheLastSecond() public {
        token.setBlocked(payee(1), true);
        Payable memory p = ready(words(3));
        pay(p);
        token.setBlocked(payee(1), false);
        vm.warp(p.instruction.notAfter + 1);
        vm.expectRevert(
            abi.encodeWithSelector(
                ISettlementVault.InstructionExpired.selector,
                p.instruction.notAfter,
                p.instruction.notAfter + 1
            )
        );
        retry(p, 1);
    }

    function test_retryTakesOnlyAnOpenedInstructionAndItsOwnWords() public {
        Payable memory p = ready(words(3));
        vm.expectRevert(abi.encodeWithSelector(ISettlementVault.NotOpened.selector, p.id));
        retry(p, 1);
        token.setBlocked(payee(1), true);
        pay(p);
        token.setBlocked(payee(1), false);
        vm.expectRevert(abi.encodeWithSelector(ISettlementVault.NoSuchPayment.selector, p.id, uint8(3)));
        retry(p, 3);
        bytes32 good = p.words[1];
        p.words[1] = word(address(0xbad), 2e6);
        vm.expectPartialRevert(ISettlementVault.ListMismatch.selector);
        retry(p, 1);
        p.words[1] = good;
        p.instruction.notAfter += 1;
        vm.expectPartialRevert(ISettlementVault.NotOpened.selector);
        retry(p, 1);
        p.instruction.notAfter -= 1;
        vault.pause();
        vm.expectPartialRevert(IGoverned.IsPaused.selector);
        retry(p, 1);
        vault.unpause();
        eq(retry(p, 1), 2, "paid");
    }

    function test_relayersWhoRaceDoNotBreakEachOther() public {
        token.setBlocked(payee(0), true);
        token.setBlocked(payee(1), true);
        Payable memory p = ready(words(2));
        pay(p);
        token.setBlocked(payee(0), false);
        token.setBlocked(payee(1), false);
        retry(p, 0);
        uint8[] memory both = new uint8[](2);
        both[1] = 1;
        eq(vault.retry(p.instruction, p.words, both), 2, "only what is left");
        eq(token.balanceOf(payee(0)), 1e6, "once");
    }

    function test_aCancelledPaymentIsNeverMade() public {
        token.setBlocked(payee(1), true);
        Payable memory p = ready(words(3));
        pay(p);
        token.setBlocked(payee(1), false);
        vm.expectEmit(address(vault));
        emit ISettlementVault.Cancelled(p.id, 1);
        vault.cancel(p.id, 1, cancelSignature(p.id, 1));
        vm.expectRevert(abi.encodeWithSelector(ISettlementVault.NothingToPay.selector, p.id));
        retry(p, 1);
        (, uint256 settled, uint256 cancelled) = vault.instructionState(p.id);
        eq(settled, 7, "settled");
        eq(cancelled, 2, "and told apart from paid");
    }

    function test_aPaidPaymentCannotBeCancelled() public {
        Payable memory p = ready(words(3));
        pay(p);
        vm.expectRevert(abi.encodeWithSelector(ISettlementVault.AlreadySettled.selector, p.id, uint8(1)));
        vault.cancel(p.id, 1, cancelSignature(p.id, 1));
    }

    function test_cancelledBeforeItWasOpened() public {
        Payable memory p = ready(words(3));
        vault.cancel(p.id, 0, cancelSignature(p.id, 0));
        eq(pay(p), 6, "the others are paid");
        eq(vault.spentToday(address(token)), 5e6, "and only they count");
        vm.expectRevert(abi.encodeWithSelector(ISettlementVault.AlreadySettled.selector, p.id, uint8(0)));
        vault.cancel(p.id, 0, cancelSignature(p.id, 0));
    }

    function test_whenAllIsCancelledThereIsNothingToPay() public {
        Payable memory p = ready(words(1));
        vault.cancel(p.id, 0, cancelSignature(p.id, 0));
        vm.expectRevert(abi.encodeWithSelector(ISettlementVault.NothingToPay.selector, p.id));
        pay(p);
    }

    function test_onlyTheVaultSignerCancels() public {
        Payable memory p = ready(words(3));
        bytes32 digest = keccak256(abi.encode(keccak256("Cancel(bytes32 instruction,uint8 index)"), p.id, uint8(1)));
        bytes memory signature = vaultSigns(POSTER_KEY, digest);
        vm.expectPartialRevert(IGoverned.WrongSigner.selector);
        vault.cancel(p.id, 1, signature);
        signature = cancelSignature(p.id, 2);
        vm.expectPartialRevert(IGoverned.WrongSigner.selector);
        vault.cancel(p.id, 1, signature);
    }

    function test_theFlagItselfCannotBeCancelled() public {
        // Bit 255 set without a payment would close the instruction for ever.
        Payable memory p = ready(words(255));
        bytes memory signature = cancelSignature(p.id, 255);
        vm.expectRevert(abi.encodeWithSelector(ISettlementVault.NoSuchPayment.selector, p.id, uint8(255)));
        vault.cancel(p.id, 255, signature);
        vault.cancel(p.id, 254, cancelSignature(p.id, 254));
        eq(pay(p), (1 << 254) - 1, "the others");
    }

    function test_cancellingWorksWhilePaused() public {
        Payable memory p = ready(words(2));
        vault.pause();
        vault.cancel(p.id, 0, cancelSignature(p.id, 0));
        vault.unpause();
        eq(pay(p), 2, "the other");
    }
}
