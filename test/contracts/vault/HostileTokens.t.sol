// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {ISettlementVault} from "../../../contracts/interfaces/ISettlementVault.sol";
import {TestStablecoin} from "../../../contracts/mocks/TestStablecoin.sol";
import {HostileToken} from "../mocks/HostileToken.sol";
import {VaultFixture} from "../support/VaultFixture.sol";

/// @dev Tokens and payees that attack the vault from inside the transfer.
contract HostileTokensTest is VaultFixture {
    HostileToken private hostile;

    function setUp() public {
        deployVault();
        hostile = new HostileToken();
        listToken(address(hostile));
        hostile.mint(address(vault), FUNDS);
        token = TestStablecoin(address(hostile));
    }

    function test_whatCountsAsPaid() public {
        HostileToken.Behaviour[8] memory behaviours = [
            HostileToken.Behaviour.Honest,
            HostileToken.Behaviour.ReturnsFalse,
            HostileToken.Behaviour.ReturnsNothing,
            HostileToken.Behaviour.ReturnsABomb,
            HostileToken.Behaviour.Reverts,
            HostileToken.Behaviour.BurnsAllGas,
            HostileToken.Behaviour.SendsOneBack,
            HostileToken.Behaviour.NeedsMuchGas
        ];
        for (uint256 i = 0; i < behaviours.length; ++i) hostile.set(payee(i), behaviours[i]);
        eq(pay(ready(words(8))), 0xcd, "honest, nothing, bomb, one back, much gas: 0, 2, 3, 6 and 7");
        eq(hostile.balanceOf(payee(2)), 3e6, "a token that answers nothing has paid");
        eq(vault.spentToday(address(hostile)), (1 + 3 + 4 + 7 + 8) * 1e6, "spent");
    }

    function test_answersThatAreNotTrueAreNotPayments() public {
        // The money moved all the same: a token that lies breaks the pay as a whole, before anybody books it.
        hostile.set(payee(1), HostileToken.Behaviour.ReturnsTwo);
        Payable memory p = ready(words(3));
        vm.expectRevert(abi.encodeWithSelector(ISettlementVault.VaultOvercharged.selector, address(hostile), 4e6, 6e6));
        pay(p);
        hostile.set(payee(1), HostileToken.Behaviour.ReturnsOneByte);
        vm.expectPartialRevert(ISettlementVault.VaultOvercharged.selector);
        pay(p);
    }

    function test_aTokenThatTakesMoreThanWasPaidIsRefused() public {
        hostile.set(payee(1), HostileToken.Behaviour.TakesTwice);
        Payable memory p = ready(words(3));
        vm.expectRevert(abi.encodeWithSelector(ISettlementVault.VaultOvercharged.selector, address(hostile), 6e6, 8e6));
        pay(p);
        (bool opened, , ) = vault.instructionState(p.id);
        no(opened, "the instruction is as it was");
    }

    function test_aWordThatNamesNobodyOrNothingIsAFailedPayment() public {
        bytes32[] memory list = new bytes32[](5);
        list[0] = word(address(0), 1e6);
        list[1] = word(address(vault), 1e6);
        list[2] = word(address(hostile), 1e6);
        list[3] = word(payee(0), 0);
        list[4] = word(payee(1), 1e6);
        eq(pay(ready(list)), 16, "the last one is paid");
        eq(hostile.balanceOf(address(vault)), FUNDS - 1e6, "and nothing else left");
    }

    function test_aStarvingRelayerCannotMakeAPayeeFail() public {
        // Every amount of gas either reverts as a whole or pays everybody; never a payee who "failed" for lack of gas.
        for (uint256 i = 0; i < 4; ++i) hostile.set(payee(i), HostileToken.Behaviour.NeedsMuchGas);
        Payable memory p = ready(words(4));
        bool paid;
        for (uint256 gasLimit = 100_000; !paid; gasLimit += 1_511) {
            try vault.pay{gas: gasLimit}(p.instruction, p.words, p.header, p.proof, p.signature) returns (
                uint256 bits
            ) {
                eq(bits, 15, "all or nothing");
                paid = true;
            } catch {
                (bool opened, , ) = vault.instructionState(p.id);
                no(opened, "still open");
            }
        }
    }

    function test_aStarvingRelayerIsToldHowMuchGasIsMissing() public {
        Payable memory p = ready(words(200));
        vm.expectPartialRevert(ISettlementVault.NotEnoughGas.selector);
        vault.pay{gas: 1_000_000}(p.instruction, p.words, p.header, p.proof, p.signature);
    }

    function test_aPayeeWhoBurnsHisGasCostsNoMoreThanHisShare() public {
        for (uint256 i = 0; i < 10; ++i) hostile.set(payee(i), HostileToken.Behaviour.BurnsAllGas);
        Payable memory p = ready(words(20));
        uint256 before = gasleft();
        eq(pay(p), ((1 << 20) - 1) ^ 1023, "the others are paid");
        yes(before - gasleft() < 10 * 206_000 + 20 * 40_000 + 100_000, "bounded");
    }

    function test_reentrancyIsRefusedEverywhere() public {
        hostile.set(payee(1), HostileToken.Behaviour.Reenters);
        Payable memory other = draft(words(2));
        other.instruction.index = 1;
        other = sign(publish(other));
        ISettlementVault.PermitSignature memory none;
        bytes[8] memory calls;
        for (uint256 i = 0; i < calls.length; ++i) {
            Payable memory p = draft(words(3));
            p.instruction.index = uint16(10 + i);
            p = sign(publish(p));
            other = refresh(other);
            uint8[] memory indexes = new uint8[](1);
            indexes[0] = 1;
            calls[0] = abi.encodeCall(
                vault.pay,
                (other.instruction, other.words, other.header, other.proof, other.signature)
            );
            calls[1] = abi.encodeCall(vault.retry, (p.instruction, p.words, indexes));
            calls[2] = abi.encodeCall(vault.cancel, (p.id, 1, cancelSignature(p.id, 1)));
            calls[3] = abi.encodeCall(
                vault.depositWithAuthorization,
                (address(hostile), address(1), 1, 0, type(uint256).max, 0, 0, none)
            );
            calls[4] = abi.encodeCall(
                vault.depositWithPermit,
                (address(1), address(hostile), 1, 0, type(uint256).max, none, "")
            );
            // Anybody executes what the timelock lets pass, also from inside a transfer: caps do not change under a payment.
            calls[5] = abi.encodeCall(vault.setCaps, (address(hostile), 1, 1));
            calls[6] = abi.encodeCall(vault.unlist, (address(hostile)));
            calls[7] = abi.encodeCall(vault.list, (address(hostile), 1, 1, address(this), PROBE));
            hostile.setReentry(address(vault), calls[i]);
            eq(pay(p), 7, "paid once");
            no(hostile.reentrySucceeded(), "refused inside");
            eq(
                keccak256(hostile.reentryAnswer()),
                keccak256(abi.encodeWithSelector(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector)),
                "by the guard"
            );
        }
        eq(hostile.balanceOf(address(vault)), FUNDS - calls.length * 6e6, "each instruction once");
        (bool opened, , ) = vault.instructionState(other.id);
        no(opened, "the other instruction was not paid inside");
    }

    function test_aTokenThatLostItsCodeIsNotPaidInto() public {
        Payable memory p = ready(words(2));
        vm.etch(address(hostile), "");
        vm.expectRevert(abi.encodeWithSelector(ISettlementVault.NotAContract.selector, address(hostile)));
        pay(p);
    }
}
