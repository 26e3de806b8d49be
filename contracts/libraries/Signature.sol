// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// @title Who signed a typed message
/// @dev ecrecover with what it leaves out: exactly 65 bytes and the lower half of s (EIP-2), so that one message has one
/// signature. Our own because it is on the path of every anchor and every payout.
library Signature {
    /// @dev secp256k1's n / 2 + 1, the first s that is too high.
    uint256 private constant TOO_HIGH = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a1;

    /// @notice The signer of a struct under a domain.
    /// @param domainSeparator the domain, EIP-712
    /// @param structHash hashStruct(message), EIP-712
    /// @param signature r || s || v, 65 bytes, v 27 or 28
    /// @return signer who, or zero for whatever is no signature
    function recover(
        bytes32 domainSeparator,
        bytes32 structHash,
        bytes calldata signature
    ) internal view returns (address signer) {
        assembly ("memory-safe") {
            if eq(signature.length, 65) {
                if lt(calldataload(add(signature.offset, 0x20)), TOO_HIGH) {
                    let m := mload(0x40)
                    // keccak256(0x1901 || domainSeparator || structHash), EIP-712.
                    mstore(m, 0x1901)
                    mstore(add(m, 0x20), domainSeparator)
                    mstore(add(m, 0x40), structHash)
                    mstore(m, keccak256(add(m, 0x1e), 0x42))
                    // The precompile takes digest, v, r, s.
                    mstore(add(m, 0x20), byte(0, calldataload(add(signature.offset, 0x40))))
                    calldatacopy(add(m, 0x40), signature.offset, 0x40)
                    // Where there is no signer it answers with nothing, and the zero stays.
                    mstore(0x00, 0)
                    pop(staticcall(gas(), 1, m, 0x80, 0x00, 0x20))
                    signer := mload(0x00)
                }
            }
        }
    }
}
