// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {LedgerAnchor} from "../../../contracts/LedgerAnchor.sol";
import {Trees} from "./Trees.sol";
import {Check} from "./Vm.sol";

/// @dev A deployed anchor owned by the test, and the log that a poster would keep.
abstract contract AnchorFixture is Check {
    bytes32 internal constant ANCHOR_TYPEHASH = keccak256("Anchor(bytes32 previous,bytes32 leaf)");
    uint256 internal constant POSTER_KEY = uint256(keccak256("poster"));
    address internal constant GUARDIAN = address(0x6a7d1a);

    LedgerAnchor internal ledgerAnchor;
    bytes32[] internal log;

    function deployAnchor() internal {
        ledgerAnchor = new LedgerAnchor(address(this), GUARDIAN, vm.addr(POSTER_KEY));
    }

    function commitmentOf(bytes32[] memory leaves, uint256 count) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(count, Trees.peaks(leaves, count)));
    }

    function posterSigns(uint256 key, bytes32 previous, bytes32 leaf) internal view returns (bytes memory) {
        return
            signDigest(
                key,
                domainOf("CairnLedgerAnchor", block.chainid, address(ledgerAnchor)),
                keccak256(abi.encode(ANCHOR_TYPEHASH, previous, leaf))
            );
    }

    /// @dev Appends a leaf as the poster's relayer does.
    function append(bytes32 leaf) internal {
        bytes32[] memory peaks = Trees.peaks(log, log.length);
        bytes memory signature = posterSigns(POSTER_KEY, ledgerAnchor.commitment(), leaf);
        ledgerAnchor.anchor(leaf, log.length, peaks, signature);
        log.push(leaf);
    }

    /// @dev Where the commitment lives, found by its value: no function of the contract can put it back, so tests that
    /// need another log write the slot.
    function commitmentSlot() internal view returns (bytes32) {
        for (uint256 slot = 0; slot < 12; ++slot) {
            if (vm.load(address(ledgerAnchor), bytes32(slot)) == ledgerAnchor.commitment()) return bytes32(slot);
        }
        revert NotTrue("the commitment has a slot");
    }
}
