// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// @dev RFC 9162's own recursive definitions, written as in the text and slow: what the contracts' loops are tested against.
library Trees {
    function node(bytes32 left, bytes32 right) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(bytes1(0x01), left, right));
    }

    /// @dev The largest power of two smaller than n, for n > 1.
    function split(uint256 n) internal pure returns (uint256 k) {
        k = 1;
        while (k << 1 < n) k <<= 1;
    }

    /// @dev MTH(D[from:to]), section 2.1.1, over leaf hashes.
    function mth(bytes32[] memory d, uint256 from, uint256 to) internal pure returns (bytes32) {
        if (to - from == 1) return d[from];
        uint256 k = split(to - from);
        return node(mth(d, from, from + k), mth(d, from + k, to));
    }

    /// @dev PATH(m, D[from:to]), section 2.1.3.1.
    function inclusion(
        uint256 m,
        bytes32[] memory d,
        uint256 from,
        uint256 to
    ) internal pure returns (bytes32[] memory) {
        if (to - from == 1) return new bytes32[](0);
        uint256 k = split(to - from);
        if (m < k) return push(inclusion(m, d, from, from + k), mth(d, from + k, to));
        return push(inclusion(m - k, d, from + k, to), mth(d, from, from + k));
    }

    /// @dev PROOF(m, D_n), section 2.1.4.1.
    function consistency(uint256 m, bytes32[] memory d, uint256 n) internal pure returns (bytes32[] memory) {
        return subproof(m, d, 0, n, true);
    }

    function subproof(
        uint256 m,
        bytes32[] memory d,
        uint256 from,
        uint256 to,
        bool complete
    ) private pure returns (bytes32[] memory) {
        if (m == to - from) {
            if (complete) return new bytes32[](0);
            return push(new bytes32[](0), mth(d, from, to));
        }
        uint256 k = split(to - from);
        if (m <= k) return push(subproof(m, d, from, from + k, complete), mth(d, from + k, to));
        return push(subproof(m - k, d, from + k, to, false), mth(d, from, from + k));
    }

    /// @dev The roots of the full subtrees of the first n leaves, largest first.
    function peaks(bytes32[] memory d, uint256 n) internal pure returns (bytes32[] memory result) {
        uint256 from;
        for (uint256 above = 256; above > 0; --above) {
            uint256 bit = above - 1;
            if ((n >> bit) & 1 == 0) continue;
            result = push(result, mth(d, from, from + (1 << bit)));
            from += 1 << bit;
        }
    }

    /// @dev Siblings from leaf `index` up to the peak above it, in a log of n leaves.
    function peakPath(bytes32[] memory d, uint256 index, uint256 n) internal pure returns (bytes32[] memory) {
        uint256 from;
        for (uint256 above = 256; above > 0; --above) {
            uint256 bit = above - 1;
            if ((n >> bit) & 1 == 0) continue;
            if (index < from + (1 << bit)) return inclusion(index - from, d, from, from + (1 << bit));
            from += 1 << bit;
        }
        return new bytes32[](0);
    }

    function push(bytes32[] memory list, bytes32 item) internal pure returns (bytes32[] memory longer) {
        longer = new bytes32[](list.length + 1);
        for (uint256 i = 0; i < list.length; ++i) longer[i] = list[i];
        longer[list.length] = item;
    }

    function pop(bytes32[] memory list) internal pure returns (bytes32[] memory shorter) {
        shorter = new bytes32[](list.length - 1);
        for (uint256 i = 0; i < shorter.length; ++i) shorter[i] = list[i];
    }

    /// @dev The first n leaves.
    function first(bytes32[] memory list, uint256 n) internal pure returns (bytes32[] memory head) {
        head = new bytes32[](n);
        for (uint256 i = 0; i < n; ++i) head[i] = list[i];
    }
}
