// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// @title The log as a Merkle Mountain Range of which only keccak(count, peaks) is kept
/// @dev The peaks are the roots of the full subtrees, largest first: one for each bit that is set in count. They are the
/// same subtrees that RFC 9162 builds its root from, so the root is the peaks bagged from the right.
library MerkleMountainRange {
    /// @notice The commitment to a log: keccak(count || peak_0 || peak_1 || ...).
    /// @dev Only commitments that `append` made are ever stored, so a match proves that there are as many peaks as bits.
    /// @param count leaves of the log
    /// @param peaks its peaks
    function commit(uint256 count, bytes32[] calldata peaks) internal pure returns (bytes32 commitment) {
        assembly ("memory-safe") {
            let m := mload(0x40)
            let size := shl(5, peaks.length)
            mstore(m, count)
            calldatacopy(add(m, 0x20), peaks.offset, size)
            commitment := keccak256(m, add(size, 0x20))
        }
    }

    /// @notice Merges one leaf into the peaks, if count and peaks are those of the log.
    /// @param current the commitment to the log
    /// @param count leaves of the log, as the caller says
    /// @param peaks its peaks, as the caller says
    /// @param leaf the leaf to append
    /// @return supplied the commitment to what the caller said
    /// @return next the commitment to the log with the leaf; zero if `supplied` is not `current`
    function append(
        bytes32 current,
        uint256 count,
        bytes32[] calldata peaks,
        bytes32 leaf
    ) internal pure returns (bytes32 supplied, bytes32 next) {
        assembly ("memory-safe") {
            // Memory: count, the peaks, room for one more.
            let m := mload(0x40)
            let size := shl(5, peaks.length)
            mstore(m, count)
            calldatacopy(add(m, 0x20), peaks.offset, size)
            supplied := keccak256(m, add(size, 0x20))

            // From here on there are as many peaks as ones in count.
            if eq(supplied, current) {
                // A peak that stands for a trailing one has the size of the tree on its right: they merge. Hashed from 0x1f
                // as in Rfc9162.rootOf; the free memory pointer is put back.
                let last := add(m, size)
                mstore8(0x1f, 1)
                mstore(0x40, leaf)
                for {
                    let ones := shr(1, xor(count, add(count, 1)))
                } ones {
                    ones := shr(1, ones)
                } {
                    mstore(0x20, mload(last))
                    mstore(0x40, keccak256(0x1f, 0x41))
                    last := sub(last, 0x20)
                }
                mstore(add(last, 0x20), mload(0x40))
                mstore(0x40, m)
                mstore(m, add(count, 1))
                next := keccak256(m, sub(add(last, 0x40), m))
            }
        }
    }

    /// @notice Whether a leaf stands at `index` under the peaks.
    /// @param leaf the leaf
    /// @param index its position in the log, from zero
    /// @param count leaves of the log
    /// @param peaks its peaks
    /// @param path siblings from the leaf up to its peak, of exactly that peak's height
    function contains(
        bytes32 leaf,
        uint256 index,
        uint256 count,
        bytes32[] calldata peaks,
        bytes32[] calldata path
    ) internal pure returns (bool) {
        if (index >= count) return false;
        // The highest bit in which index and count differ is the height of the peak above index: the higher bits of count
        // stand for peaks on its left, the lower ones for those on its right. A recent leaf has few on its right.
        uint256 height = path.length;
        if (height > 255 || (index ^ count) >> height != 1) return false;
        uint256 peak = peaks.length;
        unchecked {
            // With fewer peaks than ones in count this wraps, and the index below is refused.
            --peak;
            for (uint256 lower = count & ((1 << height) - 1); lower != 0; lower &= lower - 1) --peak;
        }
        bytes32 root = leaf;
        assembly ("memory-safe") {
            // Hashed from 0x1f as in Rfc9162.rootOf; the free memory pointer is put back.
            let free := mload(0x40)
            mstore8(0x1f, 1)
            let from := path.offset
            for {
                let end := add(from, shl(5, height))
            } lt(from, end) {
                from := add(from, 0x20)
            } {
                let own := shl(and(index, 1), 0x20)
                mstore(own, root)
                mstore(xor(own, 0x60), calldataload(from))
                root := keccak256(0x1f, 0x41)
                index := shr(1, index)
            }
            mstore(0x40, free)
        }
        return root == peaks[peak];
    }
}
