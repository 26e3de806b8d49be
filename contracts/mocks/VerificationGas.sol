// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {ILedgerAnchor} from "../interfaces/ILedgerAnchor.sol";
import {LogRecord} from "../libraries/LogRecord.sol";
import {Rfc9162} from "../libraries/Rfc9162.sol";

/// @title Gas of verification alone, without the transaction and its calldata
/// @dev Every function answers with the gas between two readings around the verification. A path that leads nowhere costs
/// what a right one costs: only its length counts.
contract VerificationGas {
    /// @notice OpenZeppelin's sorted pairs, which prove membership but no position.
    function sortedPairs(bytes32 leaf, bytes32[] calldata path, bytes32 root) external view returns (uint256 used) {
        used = gasleft();
        MerkleProof.verifyCalldata(path, root, leaf);
        used -= gasleft();
    }

    /// @notice Inclusion by RFC 9162.
    function inclusion(
        bytes32 leaf,
        uint256 index,
        uint256 size,
        bytes32[] calldata path
    ) external view returns (uint256 used, bool ok) {
        used = gasleft();
        (ok, ) = Rfc9162.rootOf(leaf, index, size, path);
        used -= gasleft();
    }

    /// @notice Consistency by RFC 9162.
    function consistency(
        uint256 size1,
        bytes32 root1,
        uint256 size2,
        bytes32 root2,
        bytes32[] calldata path
    ) external view returns (uint256 used) {
        used = gasleft();
        Rfc9162.consistent(size1, root1, size2, root2, path);
        used -= gasleft();
    }

    /// @notice From a record's leaf to the commitment.
    function record(
        bytes32 commitment,
        bytes32 leaf,
        bytes16 book,
        uint64 seq,
        ILedgerAnchor.LogProof calldata proof
    ) external view returns (uint256 used, ILedgerAnchor.LogFault fault) {
        used = gasleft();
        fault = LogRecord.check(commitment, leaf, book, seq, proof);
        used -= gasleft();
    }
}
