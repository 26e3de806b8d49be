// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {MerkleMountainRange} from "../../../contracts/libraries/MerkleMountainRange.sol";
import {AnchorFixture} from "../support/AnchorFixture.sol";
import {Trees} from "../support/Trees.sol";

/// @dev Takes the library's calldata parameters.
contract RangeProbe {
    function contains(
        bytes32 leaf,
        uint256 index,
        uint256 count,
        bytes32[] calldata peaks,
        bytes32[] calldata path
    ) external pure returns (bool) {
        return MerkleMountainRange.contains(leaf, index, count, peaks, path);
    }
}

/// @dev Every size 1..64 with every index: immudb's CVE-2022-36111 hid in one branch of one loop.
contract ProofsTest is AnchorFixture {
    uint256 private constant SIZES = 64;

    bytes32[] private leaves;
    RangeProbe private probe;

    function setUp() public {
        deployAnchor();
        probe = new RangeProbe();
        for (uint256 i = 0; i < SIZES; ++i) leaves.push(keccak256(abi.encode(i)));
    }

    function test_inclusionOfEveryIndexInEverySize() public view {
        bytes32[] memory d = leaves;
        for (uint256 size = 1; size <= SIZES; ++size) {
            bytes32 root = Trees.mth(d, 0, size);
            for (uint256 index = 0; index < size; ++index) {
                bytes32[] memory path = Trees.inclusion(index, d, 0, size);
                yes(ledgerAnchor.verifyInclusion(d[index], index, size, path, root), "included");
                // Too long and too short also against the very root that the wrong path leads to.
                bytes32 above = Trees.node(root, root);
                no(ledgerAnchor.verifyInclusion(d[index], index, size, Trees.push(path, root), above), "path too long");
                no(ledgerAnchor.verifyInclusion(d[(index + 1) % SIZES], index, size, path, root), "another leaf");
                no(ledgerAnchor.verifyInclusion(d[index], index + size, size, path, root), "index outside");
                if (size == 1) continue;
                uint256 k = Trees.split(size);
                bytes32 below = index < k ? Trees.mth(d, 0, k) : Trees.mth(d, k, size);
                no(ledgerAnchor.verifyInclusion(d[index], index, size, Trees.pop(path), below), "path too short");
                no(ledgerAnchor.verifyInclusion(d[index], (index + 1) % size, size, path, root), "another index");
                path[path.length - 1] ^= bytes32(uint256(1));
                no(ledgerAnchor.verifyInclusion(d[index], index, size, path, root), "a flipped bit");
            }
        }
    }

    function test_consistencyOfEveryPairOfSizes() public view {
        bytes32[] memory d = leaves;
        for (uint256 size2 = 1; size2 <= SIZES; ++size2) {
            bytes32 root2 = Trees.mth(d, 0, size2);
            for (uint256 size1 = 1; size1 <= size2; ++size1) {
                bytes32 root1 = Trees.mth(d, 0, size1);
                bytes32[] memory path = Trees.consistency(size1, d, size2);
                yes(ledgerAnchor.verifyConsistency(size1, root1, size2, root2, path), "extends");
                bytes32[] memory longer = Trees.push(path, root1);
                no(ledgerAnchor.verifyConsistency(size1, root1, size2, root2, longer), "path too long");
                bytes32 past = Trees.node(root1, root1);
                bytes32 present = Trees.node(root1, root2);
                no(
                    ledgerAnchor.verifyConsistency(size1, past, size2, present, longer),
                    "path too long, roots to match"
                );
                no(ledgerAnchor.verifyConsistency(size1, ~root1, size2, root2, path), "another past");
                no(ledgerAnchor.verifyConsistency(size1, root1, size2, ~root2, path), "another present");
                no(ledgerAnchor.verifyConsistency(size2 + 1, root1, size2, root2, path), "shrinks");
                if (path.length == 0) continue;
                no(ledgerAnchor.verifyConsistency(size1, root1, size2, root2, Trees.pop(path)), "path too short");
                uint256 k = Trees.split(size2);
                bytes32 below = Trees.mth(d, 0, k);
                if (size1 <= k)
                    no(ledgerAnchor.verifyConsistency(size1, root1, size2, below, Trees.pop(path)), "subtree");
                // Every element of the path counts: the branch that immudb left out is one of them.
                for (uint256 i = 0; i < path.length; ++i) {
                    path[i] ^= bytes32(uint256(1));
                    no(ledgerAnchor.verifyConsistency(size1, root1, size2, root2, path), "a flipped bit");
                    path[i] ^= bytes32(uint256(1));
                }
            }
        }
    }

    function test_theEmptyTreeHasNoProof() public view {
        bytes32[] memory none = new bytes32[](0);
        no(ledgerAnchor.verifyInclusion(leaves[0], 0, 0, none, leaves[0]), "inclusion");
        no(ledgerAnchor.verifyConsistency(0, 0, 1, leaves[0], none), "consistency");
        no(ledgerAnchor.verifyConsistency(0, 0, 0, 0, none), "with itself");
    }

    function test_peakOfEveryIndexInEveryCount() public view {
        bytes32[] memory d = leaves;
        for (uint256 count = 1; count <= SIZES; ++count) {
            bytes32[] memory peaks = Trees.peaks(d, count);
            for (uint256 index = 0; index < count; ++index) {
                bytes32[] memory path = Trees.peakPath(d, index, count);
                yes(probe.contains(d[index], index, count, peaks, path), "under its peak");
                no(probe.contains(d[index], index, count, peaks, Trees.push(path, peaks[0])), "path too long");
                no(probe.contains(d[index], index + 1, count, peaks, path), "another index");
                no(probe.contains(d[index], index + count, count, peaks, path), "index outside");
                no(probe.contains(~d[index], index, count, peaks, path), "another leaf");
                // The path of another peak's leaf at the same place under it.
                uint256 twin = index % (1 << path.length);
                if (twin != index) no(probe.contains(d[index], twin, count, peaks, path), "another peak");
                if (path.length == 0) continue;
                no(probe.contains(d[index], index, count, peaks, Trees.pop(path)), "path too short");
                path[0] ^= bytes32(uint256(1));
                no(probe.contains(d[index], index, count, peaks, path), "a flipped bit");
            }
        }
    }

    function testFuzz_inclusionOfLargeTrees(uint64 size, uint64 index, bytes32 leaf, bytes32 seed) public view {
        // A path over random siblings: the contract must agree with the recursive definition run on the path alone.
        size = uint64(between(size, 1, type(uint64).max));
        index = uint64(index % size);
        (bytes32 root, bytes32[] memory path) = walk(leaf, index, size, seed);
        yes(ledgerAnchor.verifyInclusion(leaf, index, size, path, root), "included");
        no(ledgerAnchor.verifyInclusion(leaf, index, size, Trees.push(path, seed), root), "path too long");
        if (path.length != 0)
            no(ledgerAnchor.verifyInclusion(leaf, index, size, Trees.pop(path), root), "path too short");
    }

    /// @dev Root and path of a leaf in a tree of which only the siblings on the way are known.
    function walk(
        bytes32 leaf,
        uint256 index,
        uint256 size,
        bytes32 seed
    ) private pure returns (bytes32 root, bytes32[] memory path) {
        if (size == 1) return (leaf, new bytes32[](0));
        uint256 k = Trees.split(size);
        bytes32 sibling = keccak256(abi.encode(seed, size, index));
        if (index < k) {
            (root, path) = walk(leaf, index, k, seed);
            return (Trees.node(root, sibling), Trees.push(path, sibling));
        }
        (root, path) = walk(leaf, index - k, size - k, seed);
        return (Trees.node(sibling, root), Trees.push(path, sibling));
    }
}
