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
            // Steps 2 and 3. The siblings are read without asking whether the path has as many: what was read is compared
            // with its end below, and the levels are at most 256.
            let fn := index
            root := leaf
            let from := path.offset
            // Siblings are read without asking whether the path has as many: how many were read is compared below, and the
            // levels are at most 256. A node is hashed from 0x1f: prefix, left at 0x20, right at 0x40, where Solidity keeps its free memory pointer
            // and gets it back below.
            let free := mload(0x40)
            mstore8(0x1f, 1)
            // Step 4 while fn is not the last node of its level (fn != sn): its low bit says on which side the sibling is.
            for {
                let apart := xor(fn, sub(size, 1))
            } apart {
                apart := shr(1, apart)
            } {
                let own := shl(and(fn, 1), 0x20)
                mstore(own, root)
                mstore(xor(own, 0x60), calldataload(from))
                root := keccak256(0x1f, 0x41)
                from := add(from, 0x20)
                fn := shr(1, fn)
            }
            // Step 4 from there on, along the right border: a right child has its sibling on the left, a last node that is
            // a left child has none and moves up alone.
            for {} fn {
                fn := shr(1, fn)
            } {
                if and(fn, 1) {
                    mstore(0x20, calldataload(from))
                    mstore(0x40, root)
                    root := keccak256(0x1f, 0x41)
                    from := add(from, 0x20)
                }
            }
            mstore(0x40, free)
            // Steps 4.a and 5: neither longer nor shorter.
            ok := eq(from, add(path.offset, shl(5, path.length)))
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
