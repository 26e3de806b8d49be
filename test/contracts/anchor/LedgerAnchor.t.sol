// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {IGoverned} from "../../../contracts/interfaces/IGoverned.sol";
import {ILedgerAnchor} from "../../../contracts/interfaces/ILedgerAnchor.sol";
import {LedgerAnchor} from "../../../contracts/LedgerAnchor.sol";
import {AnchorFixture} from "../support/AnchorFixture.sol";
import {Trees} from "../support/Trees.sol";

contract LedgerAnchorTest is AnchorFixture {
    uint256 private constant HALF_ORDER = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0;

    function setUp() public {
        deployAnchor();
    }

    function test_theCommitmentFollowsTheLogForEveryCount() public {
        eq(ledgerAnchor.commitment(), commitmentOf(log, 0), "empty");
        for (uint256 i = 0; i < 70; ++i) {
            append(keccak256(abi.encode("leaf", i)));
            eq(ledgerAnchor.commitment(), commitmentOf(log, log.length), "after a leaf");
        }
    }

    function test_tellsWhatItAppended() public {
        append(keccak256("first"));
        bytes32 leaf = keccak256("second");
        bytes32 previous = ledgerAnchor.commitment();
        bytes32[] memory peaks = Trees.peaks(log, 1);
        bytes memory signature = posterSigns(POSTER_KEY, previous, leaf);
        log.push(leaf);
        bytes32 next = commitmentOf(log, 2);
        vm.expectEmit(address(ledgerAnchor));
        emit ILedgerAnchor.Anchored(1, leaf, previous, next);
        ledgerAnchor.anchor(leaf, 1, peaks, signature);
    }

    function test_aSignedBatchIsAppendedAtMostOnce() public {
        bytes32 leaf = keccak256("leaf");
        bytes32 previous = ledgerAnchor.commitment();
        bytes memory signature = posterSigns(POSTER_KEY, previous, leaf);
        bytes32[] memory none = new bytes32[](0);
        ledgerAnchor.anchor(leaf, 0, none, signature);
        vm.expectRevert(abi.encodeWithSelector(ILedgerAnchor.StalePeaks.selector, ledgerAnchor.commitment(), previous));
        ledgerAnchor.anchor(leaf, 0, none, signature);
        // The true peaks do not help: the signature extends the state before.
        vm.expectPartialRevert(IGoverned.WrongSigner.selector);
        ledgerAnchor.anchor(leaf, 1, Trees.push(none, leaf), signature);
    }

    function testFuzz_refusesEveryOtherCountAndPeaks(uint256 count, bytes32 flip, uint8 which, uint8 size) public {
        uint256 leaves = between(size, 1, 20);
        for (uint256 i = 0; i < leaves; ++i) append(keccak256(abi.encode(i)));
        bytes32 leaf = keccak256("leaf");
        bytes32[] memory peaks = Trees.peaks(log, leaves);
        bytes memory signature = posterSigns(POSTER_KEY, ledgerAnchor.commitment(), leaf);
        vm.assume(count != leaves && flip != 0);
        vm.expectPartialRevert(ILedgerAnchor.StalePeaks.selector);
        ledgerAnchor.anchor(leaf, count, peaks, signature);
        vm.expectPartialRevert(ILedgerAnchor.StalePeaks.selector);
        ledgerAnchor.anchor(leaf, leaves, Trees.pop(peaks), signature);
        vm.expectPartialRevert(ILedgerAnchor.StalePeaks.selector);
        ledgerAnchor.anchor(leaf, leaves, Trees.push(peaks, flip), signature);
        peaks[which % peaks.length] ^= flip;
        vm.expectPartialRevert(ILedgerAnchor.StalePeaks.selector);
        ledgerAnchor.anchor(leaf, leaves, peaks, signature);
    }

    function testFuzz_onlyThePosterAppends(uint256 key, bytes32 leaf) public {
        key = between(key, 1, HALF_ORDER);
        vm.assume(key != POSTER_KEY);
        bytes memory signature = posterSigns(key, ledgerAnchor.commitment(), leaf);
        vm.expectRevert(abi.encodeWithSelector(IGoverned.WrongSigner.selector, vm.addr(POSTER_KEY), vm.addr(key)));
        ledgerAnchor.anchor(leaf, 0, new bytes32[](0), signature);
    }

    function test_refusesTheOtherFormsOfASignature() public {
        bytes32 leaf = keccak256("leaf");
        bytes32[] memory none = new bytes32[](0);
        bytes memory good = posterSigns(POSTER_KEY, ledgerAnchor.commitment(), leaf);
        bytes32 r;
        bytes32 s;
        assembly {
            r := mload(add(good, 0x20))
            s := mload(add(good, 0x40))
        }
        uint8 v = uint8(good[64]);
        // The same point with the upper s.
        bytes32 high = bytes32(0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141 - uint256(s));
        bytes[5] memory forms = [
            abi.encodePacked(r, high, v == 27 ? uint8(28) : uint8(27)),
            abi.encodePacked(r, s, uint8(v - 27)),
            abi.encodePacked(r, s),
            abi.encodePacked(good, uint8(0)),
            new bytes(65)
        ];
        for (uint256 i = 0; i < forms.length; ++i) {
            vm.expectPartialRevert(IGoverned.WrongSigner.selector);
            ledgerAnchor.anchor(leaf, 0, none, forms[i]);
        }
        ledgerAnchor.anchor(leaf, 0, none, good);
    }

    function test_aSignatureForAnotherAnchorOrChainIsRefused() public {
        bytes32 leaf = keccak256("leaf");
        bytes32[] memory none = new bytes32[](0);
        bytes memory signature = posterSigns(POSTER_KEY, ledgerAnchor.commitment(), leaf);
        LedgerAnchor other = new LedgerAnchor(address(this), GUARDIAN, vm.addr(POSTER_KEY));
        vm.expectPartialRevert(IGoverned.WrongSigner.selector);
        other.anchor(leaf, 0, none, signature);
        uint256 here = block.chainid;
        vm.chainId(here + 1);
        vm.expectPartialRevert(IGoverned.WrongSigner.selector);
        ledgerAnchor.anchor(leaf, 0, none, signature);
        vm.chainId(here);
        ledgerAnchor.anchor(leaf, 0, none, signature);
    }

    function test_aRotatedPosterAppendsNothingMore() public {
        bytes32 leaf = keccak256("leaf");
        bytes memory signature = posterSigns(POSTER_KEY, ledgerAnchor.commitment(), leaf);
        ledgerAnchor.setPoster(vm.addr(77));
        vm.expectPartialRevert(IGoverned.WrongSigner.selector);
        ledgerAnchor.anchor(leaf, 0, new bytes32[](0), signature);
        ledgerAnchor.anchor(leaf, 0, new bytes32[](0), posterSigns(77, ledgerAnchor.commitment(), leaf));
    }

    function test_guardianAndOwnerPauseOnlyTheOwnerUnpauses() public {
        bytes memory signature = posterSigns(POSTER_KEY, ledgerAnchor.commitment(), "leaf");
        vm.prank(address(5));
        vm.expectRevert(abi.encodeWithSelector(IGoverned.NotOwnerNorGuardian.selector, address(5)));
        ledgerAnchor.pause();
        vm.prank(GUARDIAN);
        ledgerAnchor.pause();
        yes(ledgerAnchor.paused(), "paused");
        vm.expectPartialRevert(IGoverned.IsPaused.selector);
        ledgerAnchor.anchor("leaf", 0, new bytes32[](0), signature);
        vm.expectPartialRevert(IGoverned.IsPaused.selector);
        ledgerAnchor.pause();
        vm.prank(GUARDIAN);
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, GUARDIAN));
        ledgerAnchor.unpause();
        ledgerAnchor.unpause();
        vm.expectPartialRevert(IGoverned.IsNotPaused.selector);
        ledgerAnchor.unpause();
        ledgerAnchor.anchor("leaf", 0, new bytes32[](0), signature);
        ledgerAnchor.pause();
    }

    function test_onlyTheOwnerConfigures() public {
        address[2] memory others = [GUARDIAN, vm.addr(POSTER_KEY)];
        for (uint256 i = 0; i < others.length; ++i) {
            bytes memory refusal = abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, others[i]);
            vm.prank(others[i]);
            vm.expectRevert(refusal);
            ledgerAnchor.setPoster(others[i]);
            vm.prank(others[i]);
            vm.expectRevert(refusal);
            ledgerAnchor.setGuardian(others[i]);
            vm.prank(others[i]);
            vm.expectRevert(refusal);
            ledgerAnchor.transferOwnership(others[i]);
        }
        vm.expectPartialRevert(IGoverned.ZeroAddress.selector);
        ledgerAnchor.setPoster(address(0));
        vm.expectPartialRevert(IGoverned.OwnershipCannotBeRenounced.selector);
        ledgerAnchor.renounceOwnership();
        ledgerAnchor.setGuardian(address(9));
        eq(ledgerAnchor.guardian(), address(9), "guardian");
        ledgerAnchor.transferOwnership(address(8));
        eq(ledgerAnchor.owner(), address(this), "until it is accepted");
        vm.prank(address(8));
        ledgerAnchor.acceptOwnership();
        eq(ledgerAnchor.owner(), address(8), "accepted");
    }
}
