// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {ISettlementVault} from "../../../contracts/interfaces/ISettlementVault.sol";
import {TestStablecoin} from "../../../contracts/mocks/TestStablecoin.sol";
import {HostileToken} from "../mocks/HostileToken.sol";
import {VaultFixture} from "../support/VaultFixture.sol";

/// @dev Listing, and the caps of a transaction and of a day.
contract CapsTest is VaultFixture {
    uint16 private nextIndex;

    function setUp() public {
        deployVault();
    }

    function test_overTheTransactionCapTheInstructionStaysOpen() public {
        Payable memory p = one(PER_TRANSACTION + 1);
        vm.expectRevert(
            abi.encodeWithSelector(
                ISettlementVault.OverTransactionCap.selector,
                address(token),
                PER_TRANSACTION,
                PER_TRANSACTION + 1
            )
        );
        pay(p);
        (bool opened, , ) = vault.instructionState(p.id);
        no(opened, "open");
        vault.setCaps(address(token), PER_TRANSACTION + 1, PER_DAY);
        eq(pay(p), 1, "the same instruction");
    }

    function test_overTheDailyCapTheInstructionWaitsForTheNextDay() public {
        for (uint256 i = 0; i < 3; ++i) pay(one(PER_TRANSACTION));
        Payable memory p = one(1);
        vm.expectRevert(
            abi.encodeWithSelector(ISettlementVault.OverDailyCap.selector, address(token), PER_DAY, PER_DAY, 1)
        );
        pay(p);
        vm.warp((block.timestamp / 1 days + 1) * 1 days - 1);
        vm.expectPartialRevert(ISettlementVault.OverDailyCap.selector);
        pay(p);
        vm.warp(block.timestamp + 1);
        eq(vault.spentToday(address(token)), 0, "a new day");
        eq(pay(p), 1, "paid");
        eq(vault.spentToday(address(token)), 1, "counted");
    }

    function test_aRetryCountsAgainstTheCapsOfItsOwnDay() public {
        vault.setCaps(address(token), 10e6, 10e6);
        token.setBlocked(payee(3), true);
        Payable memory p = ready(words(4));
        pay(p);
        eq(vault.spentToday(address(token)), 6e6, "three paid");
        token.setBlocked(payee(3), false);
        vault.setCaps(address(token), 10e6, 9e6);
        vm.expectRevert(abi.encodeWithSelector(ISettlementVault.OverDailyCap.selector, address(token), 9e6, 6e6, 4e6));
        retry(p, 3);
        vault.setCaps(address(token), 3e6, 10e6);
        vm.expectPartialRevert(ISettlementVault.OverTransactionCap.selector);
        retry(p, 3);
        vault.setCaps(address(token), 4e6, 10e6);
        eq(retry(p, 3), 8, "paid");
        eq(vault.spentToday(address(token)), 10e6, "all of the day");
    }

    function testFuzz_noDayEverPaysMoreThanItsCap(
        uint96[8] memory amounts,
        uint8 failing,
        uint16[8] memory pauses
    ) public {
        uint96 cap = 1e9;
        vault.setCaps(address(token), cap, cap);
        for (uint256 i = 0; i < 8; ++i) token.setBlocked(payee(i), (failing >> i) & 1 == 1);
        uint256 day;
        uint256 paidThatDay;
        for (uint256 i = 0; i < 8; ++i) {
            vm.warp(block.timestamp + pauses[i]);
            if (block.timestamp / 1 days != day) (day, paidThatDay) = (block.timestamp / 1 days, 0);
            uint96 amount = uint96(between(amounts[i], 1, cap));
            bytes32[] memory list = new bytes32[](1);
            list[0] = word(payee(i), amount);
            Payable memory p = instruction(list);
            try vault.pay(p.instruction, p.words, p.header, p.proof, p.signature) returns (uint256 bits) {
                if (bits == 1) paidThatDay += amount;
            } catch {
                yes(paidThatDay + amount > cap, "refused only over the cap");
            }
            yes(paidThatDay <= cap, "under the cap");
            eq(vault.spentToday(address(token)), paidThatDay, "spent is what was paid");
        }
    }

    function test_anUnlistedTokenIsNeitherPaidNorRetried() public {
        token.setBlocked(payee(1), true);
        Payable memory opened = ready(words(2));
        pay(opened);
        token.setBlocked(payee(1), false);
        Payable memory p = one(1e6);
        vault.unlist(address(token));
        vm.expectRevert(abi.encodeWithSelector(ISettlementVault.TokenNotListed.selector, address(token)));
        pay(p);
        vm.expectRevert(abi.encodeWithSelector(ISettlementVault.TokenNotListed.selector, address(token)));
        retry(opened, 1);
        vm.expectRevert(abi.encodeWithSelector(ISettlementVault.TokenNotListed.selector, address(token)));
        vault.setCaps(address(token), 1, 1);
        vm.expectRevert(abi.encodeWithSelector(ISettlementVault.TokenNotListed.selector, address(token)));
        vault.unlist(address(token));
        listToken(address(token));
        eq(vault.spentToday(address(token)), 1e6, "listing again opens no fresh day");
        pay(p);
    }

    function test_whatCannotBeListed() public {
        vm.expectRevert(abi.encodeWithSelector(ISettlementVault.NotAContract.selector, address(5)));
        vault.list(address(5), 1, 1, address(this), 1);
        vm.expectRevert(abi.encodeWithSelector(ISettlementVault.TokenAlreadyListed.selector, address(token)));
        vault.list(address(token), 1, 1, address(this), 1);
        HostileToken fee = new HostileToken();
        vm.expectRevert(abi.encodeWithSelector(ISettlementVault.ProbeTooSmall.selector, PROBE, PROBE - 1));
        vault.list(address(fee), 1, 1, address(this), PROBE - 1);
        fee.mint(address(this), PROBE);
        fee.approve(address(vault), 2 * PROBE);
        fee.set(address(vault), HostileToken.Behaviour.TakesAFee);
        vm.expectRevert(
            abi.encodeWithSelector(ISettlementVault.AmountMismatch.selector, address(fee), PROBE, PROBE - PROBE / 100)
        );
        vault.list(address(fee), 1, 1, address(this), PROBE);
        // A fee on the way back only, or one that the vault pays on top, is found too.
        fee.set(address(vault), HostileToken.Behaviour.Honest);
        fee.set(address(this), HostileToken.Behaviour.TakesAFee);
        vm.expectRevert(
            abi.encodeWithSelector(ISettlementVault.AmountMismatch.selector, address(fee), PROBE, PROBE - PROBE / 100)
        );
        vault.list(address(fee), 1, 1, address(this), PROBE);
        fee.set(address(this), HostileToken.Behaviour.TakesTwice);
        fee.mint(address(vault), PROBE);
        vm.expectRevert(abi.encodeWithSelector(ISettlementVault.AmountMismatch.selector, address(fee), PROBE, 0));
        vault.list(address(fee), 1, 1, address(this), PROBE);
    }

    function test_listingGivesTheProbeBack() public {
        TestStablecoin other = new TestStablecoin("Euro", "tEUR", 18, address(this));
        other.mint(address(this), PROBE);
        other.approve(address(vault), PROBE);
        vm.expectEmit(address(vault));
        emit ISettlementVault.TokenListed(address(other), 2, 3);
        vault.list(address(other), 2, 3, address(this), PROBE);
        eq(other.balanceOf(address(this)), PROBE, "back");
        (bool listed, uint96 perTransaction, uint96 perDay) = vault.caps(address(other));
        yes(listed && perTransaction == 2 && perDay == 3, "caps");
    }

    function test_onlyTheOwnerListsCapsAndRotates() public {
        address[3] memory others = [GUARDIAN, vm.addr(VAULT_KEY), address(0xbad)];
        for (uint256 i = 0; i < others.length; ++i) {
            bytes memory refusal = abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, others[i]);
            vm.prank(others[i]);
            vm.expectRevert(refusal);
            vault.list(address(5), 1, 1, others[i], 1);
            vm.prank(others[i]);
            vm.expectRevert(refusal);
            vault.setCaps(address(token), 1, 1);
            vm.prank(others[i]);
            vm.expectRevert(refusal);
            vault.unlist(address(token));
            vm.prank(others[i]);
            vm.expectRevert(refusal);
            vault.setSigner(others[i]);
            vm.prank(others[i]);
            vm.expectRevert(refusal);
            vault.unpause();
        }
    }

    function one(uint96 amount) private returns (Payable memory) {
        bytes32[] memory list = new bytes32[](1);
        list[0] = word(payee(0), amount);
        return instruction(list);
    }

    /// @dev An instruction of its own, even over the same words.
    function instruction(bytes32[] memory list) private returns (Payable memory p) {
        p = draft(list);
        p.instruction.index = ++nextIndex;
        p.instruction.notAfter += 10 days;
        p = sign(publish(p));
    }
}
