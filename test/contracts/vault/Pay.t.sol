// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IGoverned} from "../../../contracts/interfaces/IGoverned.sol";
import {ILedgerAnchor} from "../../../contracts/interfaces/ILedgerAnchor.sol";
import {ISettlementVault} from "../../../contracts/interfaces/ISettlementVault.sol";
import {SettlementVault} from "../../../contracts/SettlementVault.sol";
import {VaultFixture} from "../support/VaultFixture.sol";
import {Trees} from "../support/Trees.sol";

/// @dev What pays, and every way in which it must not.
contract PayTest is VaultFixture {
    function setUp() public {
        deployVault();
    }

    function testFuzz_paysEveryWordOfAnInstruction(uint8 seed) public {
        uint256 count = between(seed, 1, 255);
        Payable memory p = ready(words(count));
        uint256 all = (1 << count) - 1;
        vm.expectEmit(address(vault));
        emit ISettlementVault.Paid(p.id, address(token), all, p.instruction.total);
        eq(pay(p), all, "paid bits");
        for (uint256 i = 0; i < count; ++i) eq(token.balanceOf(payee(i)), (i + 1) * 1e6, "payee's balance");
        eq(token.balanceOf(address(vault)), FUNDS - p.instruction.total, "vault's balance");
        eq(vault.spentToday(address(token)), p.instruction.total, "spent");
        (bool opened, uint256 settled, uint256 cancelled) = vault.instructionState(p.id);
        yes(opened && settled == all && cancelled == 0, "state");
    }

    function test_withoutARootNothingIsPaid() public {
        // Signed, and proven into a log that the poster would like to have but never anchored.
        bytes32 slot = commitmentSlot();
        bytes32 before = vm.load(address(ledgerAnchor), slot);
        Payable memory p = ready(words(3));
        vm.store(address(ledgerAnchor), slot, before);
        refusedAsNotInLog(p, ILedgerAnchor.LogFault.StalePeaks);
        log.pop();
        refusedAsNotInLog(refresh(p), ILedgerAnchor.LogFault.PeakPath);
    }

    function test_aProofWithoutASignaturePaysNothing() public {
        Payable memory p = publish(draft(words(3)));
        p.id = vault.instructionId(p.instruction);
        bytes[3] memory none = [new bytes(0), new bytes(65), vaultSigns(POSTER_KEY, p.id)];
        for (uint256 i = 0; i < none.length; ++i) {
            p.signature = none[i];
            refused(p, IGoverned.WrongSigner.selector);
        }
    }

    function test_aSignatureWithoutAProofPaysNothing() public {
        Payable memory p = sign(draft(words(3)));
        p.proof.peaks = Trees.peaks(log, log.length);
        p.proof.count = uint64(log.length);
        p.proof.lastSeq = 0;
        p.proof.bookCount = 1;
        refusedAsNotInLog(p, ILedgerAnchor.LogFault.PeakPath);
    }

    function test_anInstructionForAnotherVaultPaysNothingHere() public {
        // The log is shared: the leaf of another vault is in it, and this vault's signer signed the same list.
        refusedAsNotInLog(
            sign(publish(draft(words(3)), address(0xbad), block.chainid)),
            ILedgerAnchor.LogFault.PeakPath
        );
    }

    function test_anInstructionSignedForAnotherVaultPaysNothingHere() public {
        Payable memory p = ready(words(3));
        p.signature = signDigest(VAULT_KEY, domainOf("CairnSettlementVault", block.chainid, address(0xbad)), p.id);
        refused(p, IGoverned.WrongSigner.selector);
    }

    function test_anInstructionForAnotherChainPaysNothingHere() public {
        refusedAsNotInLog(
            sign(publish(draft(words(3)), address(vault), block.chainid + 1)),
            ILedgerAnchor.LogFault.PeakPath
        );
    }

    function test_afterAForkTheInstructionPaysOnlyOnItsOwnChain() public {
        Payable memory p = ready(words(3));
        uint256 here = block.chainid;
        vm.chainId(here + 1);
        refusedAsNotInLog(p, ILedgerAnchor.LogFault.PeakPath);
        vm.chainId(here);
        pay(p);
    }

    function test_anInstructionOfAnotherBookPaysNothingHere() public {
        Payable memory p = draft(words(3));
        p.instruction.book = bytes16(uint128(1));
        p = sign(publish(p));
        vm.expectRevert(abi.encodeWithSelector(ISettlementVault.WrongBook.selector, BOOK, bytes16(uint128(1))));
        pay(p);
    }

    function test_aRecordOfAnotherBookDoesNotProveOurs() public {
        // The same leaf in a batch that is filed under another book.
        Payable memory p = draft(words(3));
        p.instruction.book = bytes16(uint128(1));
        p = publish(p);
        p.instruction.book = BOOK;
        refusedAsNotInLog(sign(p), ILedgerAnchor.LogFault.PeakPath);
    }

    function test_stalePeaksAreRefusedAndFreshOnesPay() public {
        Payable memory p = ready(words(3));
        append(keccak256("somebody anchored in between"));
        refusedAsNotInLog(p, ILedgerAnchor.LogFault.StalePeaks);
        eq(pay(refresh(p)), 7, "paid");
    }

    function test_anInstructionStaysPayableHoweverTheLogGrows() public {
        Payable memory p = ready(words(2));
        for (uint256 i = 0; i < 37; ++i) append(keccak256(abi.encode("later", i)));
        eq(pay(refresh(p)), 3, "paid");
    }

    function test_pathsOfAnyOtherLengthAreRefused() public {
        Payable memory p = ready(words(3));
        append(keccak256("so that the peak has a path"));
        append(keccak256("of more than nothing"));
        p = refresh(p);
        bytes32[] memory good = p.proof.batchPath;
        p.proof.batchPath = Trees.pop(good);
        refusedAsNotInLog(p, ILedgerAnchor.LogFault.BatchPath);
        p.proof.batchPath = Trees.push(good, 0);
        refusedAsNotInLog(p, ILedgerAnchor.LogFault.BatchPath);
        p.proof.batchPath = good;
        good = p.proof.bookPath;
        p.proof.bookPath = Trees.pop(good);
        refusedAsNotInLog(p, ILedgerAnchor.LogFault.BookPath);
        p.proof.bookPath = Trees.push(good, 0);
        refusedAsNotInLog(p, ILedgerAnchor.LogFault.BookPath);
        p.proof.bookPath = good;
        good = p.proof.peakPath;
        p.proof.peakPath = Trees.pop(good);
        refusedAsNotInLog(p, ILedgerAnchor.LogFault.PeakPath);
        p.proof.peakPath = Trees.push(good, 0);
        refusedAsNotInLog(p, ILedgerAnchor.LogFault.PeakPath);
        p.proof.peakPath = good;
        p.header.seq = 105;
        refusedAsNotInLog(p, ILedgerAnchor.LogFault.OutsideBatch);
        p.header.seq = 99;
        refusedAsNotInLog(p, ILedgerAnchor.LogFault.OutsideBatch);
        p.header.seq = 103;
        pay(p);
    }

    function test_aRecordOutsideTheWholeRangeOfNumbersIsRefused() public {
        // lastSeq - firstSeq + 1 does not fit 64 bits: no wrap-around makes a batch of nothing.
        Payable memory p = ready(words(3));
        p.proof.firstSeq = 0;
        p.proof.lastSeq = type(uint64).max;
        refusedAsNotInLog(p, ILedgerAnchor.LogFault.BatchPath);
    }

    function testFuzz_everyMemberOfTheInstructionIsBound(uint8 which, uint64 noise) public {
        Payable memory p = ready(words(3));
        vm.assume(noise != 0);
        uint256 member = which % 7;
        if (member == 0) p.instruction.window ^= bytes16(uint128(noise));
        if (member == 1) p.instruction.index ^= uint16(noise | 1);
        if (member == 2) p.instruction.token = address(uint160(p.instruction.token) ^ noise);
        if (member == 3) p.instruction.notAfter += uint64(between(noise, 1, 1e6));
        if (member == 4) p.header.seq = uint64(between(noise, 100, 102));
        if (member == 5) p.header.nowMs ^= noise;
        if (member == 6) p.header.fieldsRoot ^= bytes32(uint256(noise));
        // Signed anew, so that only the proof stands in the way.
        refusedAsNotInLog(sign(p), ILedgerAnchor.LogFault.PeakPath);
    }

    function test_theWordsAreThoseOfTheInstruction() public {
        Payable memory p = ready(words(3));
        p.words[1] = word(address(0xbad), 2e6);
        refused(p, ISettlementVault.ListMismatch.selector);
        p.words = words(4);
        refused(p, ISettlementVault.CountMismatch.selector);
        p.words = words(2);
        refused(p, ISettlementVault.CountMismatch.selector);
    }

    function test_anInstructionWithoutWordsIsRefused() public {
        refused(ready(new bytes32[](0)), ISettlementVault.CountMismatch.selector);
    }

    function test_aTotalThatIsNotTheSumIsRefused() public {
        Payable memory p = draft(words(3));
        p.instruction.total += 1;
        refused(sign(publish(p)), ISettlementVault.TotalMismatch.selector);
        p = draft(words(3));
        p.instruction.total -= 1;
        refused(sign(publish(p)), ISettlementVault.TotalMismatch.selector);
    }

    function test_theLastSecondIsNotAfterItself() public {
        Payable memory p = ready(words(1));
        vm.warp(p.instruction.notAfter + 1);
        refused(p, ISettlementVault.InstructionExpired.selector);
        vm.warp(p.instruction.notAfter);
        pay(p);
    }

    function test_anInstructionIsOpenedOnce() public {
        Payable memory p = ready(words(3));
        pay(p);
        refused(p, ISettlementVault.AlreadyOpened.selector);
    }

    function test_thePausedVaultPaysNothing() public {
        Payable memory p = ready(words(3));
        vm.prank(GUARDIAN);
        vault.pause();
        refused(p, IGoverned.IsPaused.selector);
        vault.unpause();
        pay(p);
    }

    function test_aRotatedSignerOpensNothingMore() public {
        Payable memory p = ready(words(3));
        vault.setSigner(vm.addr(99));
        refused(p, IGoverned.WrongSigner.selector);
        p.signature = vaultSigns(99, p.id);
        pay(p);
    }

    function test_aPayeeMayBeNamedTwice() public {
        bytes32[] memory list = new bytes32[](3);
        list[0] = word(payee(0), 5e6);
        list[1] = word(payee(1), 1e6);
        list[2] = list[0];
        eq(pay(ready(list)), 7, "paid");
        eq(token.balanceOf(payee(0)), 10e6, "both");
    }

    function refused(Payable memory p, bytes4 selector) private {
        uint256 before = token.balanceOf(address(vault));
        vm.expectPartialRevert(selector);
        pay(p);
        eq(token.balanceOf(address(vault)), before, "nothing left the vault");
    }

    function refusedAsNotInLog(Payable memory p, ILedgerAnchor.LogFault fault) private {
        vm.expectRevert(abi.encodeWithSelector(ISettlementVault.NotInLog.selector, fault));
        pay(p);
    }
}
