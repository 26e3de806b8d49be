// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// @title Merkle proofs of RFC 9162 sections 2.1.3 and 2.1.4, with keccak-256
/// @dev node(l, r) = keccak(0x01 || l || r), directed. A path that is longer or shorter than index and size demand is
/// refused: immudb's CVE-2022-36111 was a part of a consistency proof that nobody checked.
library Rfc9162 {
    /// @notice The hash of two children, section 2.1.1.
    /// @param left the left child
    /// @param right the right child
    function node(bytes32 left, bytes32 right) internal pure returns (bytes32 hash) {
        assembly ("memory-safe") {
            let m := mload(0x40)
            mstore8(m, 1)
            mstore(add(m, 0x01), left)
            mstore(add(m, 0x21), right)
            hash := keccak256(m, 0x41)
        }
    }

    /// @notice The root that a leaf and its inclusion path lead to, section 2.1.3.2.
    /// @param leaf the leaf hash
    /// @param index its position, from zero
    /// @param size leaves of the tree
    /// @param path siblings from the leaf to the root
    /// @return ok whether index < size and the path has exactly the length that they demand
    /// @return root where it leads; meaningless unless ok
    function rootOf(
        bytes32 leaf,
        uint256 index,
        uint256 size,
        bytes32[] calldata path
    ) internal pure returns (bool ok, bytes32 root) {
        if (index >= size) return (false, 0);
        assembly ("memory-safe") {
            // Steps 2 and 3: fn and sn count down the levels that are left, root is r.
            let fn := index
            let sn := sub(size, 1)
            root := leaf
            let m := mload(0x40)
            mstore8(m, 1)
            let left := add(m, 0x01)
            let right := add(m, 0x21)
            let from := path.offset
            let end := add(from, shl(5, path.length))
            ok := 1
            for {} lt(from, end) {
                from := add(from, 0x20)
            } {
                // Step 4.a: the path is too long.
                if iszero(sn) {
                    ok := 0
                    break
                }
                switch or(and(fn, 1), eq(fn, sn))
                case 0 {
                    mstore(left, root)
                    mstore(right, calldataload(from))
                }
                default {
                    // Step 4.b: a right child, or the last node of a level without a sibling on the levels in between.
                    mstore(left, calldataload(from))
                    mstore(right, root)
                    for {} iszero(or(and(fn, 1), iszero(fn))) {} {
                        fn := shr(1, fn)
                        sn := shr(1, sn)
                    }
                }
                root := keccak256(m, 0x41)
                // Step 4.c.
                fn := shr(1, fn)
                sn := shr(1, sn)
            }
            // Step 5: the path is too short.
            if sn {
                ok := 0
            }
        }
    }

    /// @notice Whether the tree (size2, root2) extends the tree (size1, root1), section 2.1.4.2.
    /// @param size1 leaves of the earlier tree, at least one
    /// @param root1 its root
    /// @param size2 leaves of the later tree
    /// @param root2 its root
    /// @param path the consistency path
    /// @return whether it does
    function consistent(
        uint256 size1,
        bytes32 root1,
        uint256 size2,
        bytes32 root2,
        bytes32[] calldata path
    ) internal pure returns (bool) {
        if (size1 == 0 || size1 > size2) return false;
        if (size1 == size2) return path.length == 0 && root1 == root2;
        // Step 1.
        if (path.length == 0) return false;
        // Steps 3 and 4: drop the levels on which the earlier tree is full.
        uint256 fn = size1 - 1;
        uint256 sn = size2 - 1;
        while (fn & 1 == 1) {
            fn >>= 1;
            sn >>= 1;
        }
        // Steps 2 and 5: an earlier tree that is one full subtree is its own first component.
        uint256 step = size1 & (size1 - 1) == 0 ? 0 : 1;
        bytes32 fr = step == 0 ? root1 : path[0];
        bytes32 sr = fr;
        // Step 6.
        for (; step < path.length; ++step) {
            if (sn == 0) return false;
            bytes32 c = path[step];
            if (fn & 1 == 1 || fn == sn) {
                fr = node(c, fr);
                sr = node(c, sr);
                while (fn & 1 == 0 && fn != 0) {
                    fn >>= 1;
                    sn >>= 1;
                }
            } else {
                sr = node(sr, c);
            }
            fn >>= 1;
            sn >>= 1;
        }
        // Step 7.
        return fr == root1 && sr == root2 && sn == 0;
    }
}
