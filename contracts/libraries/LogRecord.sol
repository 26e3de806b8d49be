// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {ILedgerAnchor} from "../interfaces/ILedgerAnchor.sol";
import {ISettlementVault} from "../interfaces/ISettlementVault.sol";
import {MerkleMountainRange} from "./MerkleMountainRange.sol";
import {Rfc9162} from "./Rfc9162.sol";

/// @title Records of the log: the leaf of an instruction, and the way from any leaf to the commitment
/// @dev The bytes are those of docs/formats.md, "The log" and "Kinds and bodies".
library LogRecord {
    /// @dev 0x00 leaf domain || 0x01 record || version 1 || kind 10, instruction.
    uint256 private constant INSTRUCTION_PREFIX = 0x0001010a;
    /// @dev 0x00 leaf domain || 0x02 book record || version 1.
    uint256 private constant BOOK_RECORD_PREFIX = 0x000201;

    /// @notice The leaf of an instruction's record: it binds chain, vault, token, book, window, list, count, total and
    /// last second.
    /// @param vault the vault that is to pay
    /// @param header sequence number, time and fields root of the record
    /// @param instruction the instruction
    function instructionLeaf(
        address vault,
        ISettlementVault.RecordHeader calldata header,
        ISettlementVault.Instruction calldata instruction
    ) internal view returns (bytes32 leaf) {
        // Packed by hand, from the left, each member over the zeros that the one before left behind it: 191 bytes.
        assembly ("memory-safe") {
            let m := mload(0x40)
            mstore(m, shl(224, INSTRUCTION_PREFIX))
            mstore(add(m, 4), shl(192, chainid()))
            mstore(add(m, 12), calldataload(instruction)) // book 16
            mstore(add(m, 28), shl(192, calldataload(header))) // seq 8
            mstore(add(m, 36), shl(192, calldataload(add(header, 0x20)))) // nowMs 8
            mstore(add(m, 44), calldataload(add(header, 0x40))) // fieldsRoot 32
            mstore(add(m, 76), shl(96, vault)) // vault 20
            mstore(add(m, 96), shl(96, calldataload(add(instruction, 0x60)))) // token 20
            mstore(add(m, 116), calldataload(add(instruction, 0x20))) // window 16
            mstore(add(m, 132), shl(240, calldataload(add(instruction, 0x40)))) // index 2
            mstore(add(m, 134), calldataload(add(instruction, 0x80))) // listHash 32
            mstore(add(m, 166), shl(248, calldataload(add(instruction, 0xa0)))) // count 1
            mstore(add(m, 167), shl(128, calldataload(add(instruction, 0xc0)))) // total 16
            mstore(add(m, 183), shl(192, calldataload(add(instruction, 0xe0)))) // notAfter 8
            leaf := keccak256(m, 191)
        }
    }

    /// @notice The hash of a book record: one batch of one book, chained to the batch before.
    /// @param book the book's id
    /// @param firstSeq first record of the batch
    /// @param lastSeq last record of the batch
    /// @param previousHead the book record hash before
    /// @param batchRoot root over the batch's record leaves
    function bookRecord(
        bytes16 book,
        uint64 firstSeq,
        uint64 lastSeq,
        bytes32 previousHead,
        bytes32 batchRoot
    ) internal pure returns (bytes32 hash) {
        assembly ("memory-safe") {
            let m := mload(0x40)
            mstore(m, shl(232, BOOK_RECORD_PREFIX))
            mstore(add(m, 3), book)
            mstore(add(m, 19), shl(192, firstSeq))
            mstore(add(m, 27), shl(192, lastSeq))
            mstore(add(m, 35), previousHead)
            mstore(add(m, 67), batchRoot)
            hash := keccak256(m, 99)
        }
    }

    /// @notice Walks from a record's leaf to the commitment.
    /// @param commitment the log as it stands
    /// @param leaf the record's leaf
    /// @param book the book's id
    /// @param seq the record's sequence number
    /// @param proof the way
    /// @return the first step that fails, None if the record is in the log
    function check(
        bytes32 commitment,
        bytes32 leaf,
        bytes16 book,
        uint64 seq,
        ILedgerAnchor.LogProof calldata proof
    ) internal pure returns (ILedgerAnchor.LogFault) {
        uint256 count = proof.count;
        bytes32[] calldata peaks = proof.peaks;
        if (MerkleMountainRange.commit(count, peaks) != commitment) return ILedgerAnchor.LogFault.StalePeaks;
        bool ok;
        bytes32 hash;
        {
            uint64 firstSeq = proof.firstSeq;
            uint64 lastSeq = proof.lastSeq;
            if (seq < firstSeq || seq > lastSeq) return ILedgerAnchor.LogFault.OutsideBatch;
            unchecked {
                // firstSeq <= seq <= lastSeq was just checked; in 256 bits the + 1 cannot overflow.
                (ok, hash) = Rfc9162.rootOf(leaf, seq - firstSeq, uint256(lastSeq - firstSeq) + 1, proof.batchPath);
            }
            if (!ok) return ILedgerAnchor.LogFault.BatchPath;
            hash = bookRecord(book, firstSeq, lastSeq, proof.previousHead, hash);
        }
        (ok, hash) = Rfc9162.rootOf(hash, proof.bookIndex, proof.bookCount, proof.bookPath);
        if (!ok) return ILedgerAnchor.LogFault.BookPath;
        // What was hashed wrongly on the way shows only here, where the first known hash is met.
        if (!MerkleMountainRange.contains(hash, proof.anchorIndex, count, peaks, proof.peakPath)) {
            return ILedgerAnchor.LogFault.PeakPath;
        }
        return ILedgerAnchor.LogFault.None;
    }
}
