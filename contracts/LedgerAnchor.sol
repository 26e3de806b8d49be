// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {Governed} from "./Governed.sol";
import {ILedgerAnchor} from "./interfaces/ILedgerAnchor.sol";
import {LogRecord} from "./libraries/LogRecord.sol";
import {MerkleMountainRange} from "./libraries/MerkleMountainRange.sol";
import {Rfc9162} from "./libraries/Rfc9162.sol";

/// @title The anchored log of one deployment
/// @dev Deliberately absent: any function that sets the commitment to something else than itself with one leaf appended.
contract LedgerAnchor is ILedgerAnchor, Governed {
    bytes32 private constant ANCHOR_TYPEHASH = keccak256("Anchor(bytes32 previous,bytes32 leaf)");

    /// @inheritdoc ILedgerAnchor
    bytes32 public commitment;

    /// @param initialOwner the timelock
    /// @param initialGuardian who may pause beside it
    /// @param initialPoster whose signature appends
    constructor(
        address initialOwner,
        address initialGuardian,
        address initialPoster
    ) Governed(initialOwner, initialGuardian, initialPoster) EIP712("CairnLedgerAnchor", "1") {
        // The empty log: count zero, no peaks.
        commitment = keccak256(abi.encode(uint256(0)));
    }

    /// @inheritdoc ILedgerAnchor
    function anchor(bytes32 leaf, uint256 count, bytes32[] calldata peaks, bytes calldata signature) external {
        address signer = _signerUnlessPaused();
        bytes32 previous = commitment;
        bytes32 supplied;
        bytes32 next;
        (supplied, next) = MerkleMountainRange.append(previous, count, peaks, leaf);
        if (supplied != previous) revert StalePeaks(previous, supplied);
        _requireSigned(signer, _structHash(previous, leaf), signature);
        commitment = next;
        emit Anchored(count, leaf, previous, next);
    }

    /// @inheritdoc ILedgerAnchor
    function setPoster(address newPoster) external onlyOwner {
        _changeSigner(newPoster);
    }

    /// @inheritdoc ILedgerAnchor
    function poster() external view returns (address) {
        return _signer;
    }

    /// @inheritdoc ILedgerAnchor
    function verifyRecord(
        bytes32 leaf,
        bytes16 book,
        uint64 seq,
        LogProof calldata proof
    ) external view returns (LogFault fault) {
        return LogRecord.check(commitment, leaf, book, seq, proof);
    }

    /// @inheritdoc ILedgerAnchor
    function verifyInclusion(
        bytes32 leaf,
        uint256 index,
        uint256 size,
        bytes32[] calldata path,
        bytes32 root
    ) external pure returns (bool) {
        (bool ok, bytes32 computed) = Rfc9162.rootOf(leaf, index, size, path);
        return ok && computed == root;
    }

    /// @inheritdoc ILedgerAnchor
    function verifyConsistency(
        uint256 size1,
        bytes32 root1,
        uint256 size2,
        bytes32 root2,
        bytes32[] calldata path
    ) external pure returns (bool) {
        return Rfc9162.consistent(size1, root1, size2, root2, path);
    }

    /// @dev hashStruct(Anchor), EIP-712.
    function _structHash(bytes32 previous, bytes32 leaf) private pure returns (bytes32 hash) {
        bytes32 typeHash = ANCHOR_TYPEHASH;
        assembly ("memory-safe") {
            let m := mload(0x40)
            mstore(m, typeHash)
            mstore(add(m, 0x20), previous)
            mstore(add(m, 0x40), leaf)
            hash := keccak256(m, 0x60)
        }
    }
}
