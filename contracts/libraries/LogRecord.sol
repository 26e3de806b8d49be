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
    bytes4 private constant INSTRUCTION_PREFIX = 0x0001010a;
    /// @dev 0x00 leaf domain || 0x02 book record || version 1.
    bytes3 private constant BOOK_RECORD_PREFIX = 0x000201;

    /// @notice The leaf of an instruction's record: it binds chain, vault, token, book, window, list, count, total and
    /// last second.
    /// @param vault the vault that is to pay
    /// @param header sequence number, time and fields root of the record
    /// @param instruction the instruction
    function instructionLeaf(
        address vault,
        ISettlementVault.RecordHeader calldata header,
        ISettlementVault.Instruction calldata instruction
    ) internal view returns (bytes32) {
        bytes memory start = abi.encodePacked(
            INSTRUCTION_PREFIX,
            uint64(block.chainid),
            instruction.book,
            header.seq,
            header.nowMs,
            header.fieldsRoot,
            vault,
            instruction.token
        );
        return
            keccak256(
                abi.encodePacked(
                    start,
                    instruction.window,
                    instruction.index,
                    instruction.listHash,
                    instruction.count,
                    instruction.total,
                    instruction.notAfter
                )
            );
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
    ) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(BOOK_RECORD_PREFIX, book, firstSeq, lastSeq, previousHead, batchRoot));
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
        if (MerkleMountainRange.commit(proof.count, proof.peaks) != commitment)
            return ILedgerAnchor.LogFault.StalePeaks;
        if (seq < proof.firstSeq || seq > proof.lastSeq) return ILedgerAnchor.LogFault.OutsideBatch;
        bool ok;
        bytes32 hash;
        unchecked {
            // firstSeq <= seq <= lastSeq was just checked; in 256 bits the + 1 cannot overflow.
            (ok, hash) = Rfc9162.rootOf(
                leaf,
                seq - proof.firstSeq,
                uint256(proof.lastSeq - proof.firstSeq) + 1,
                proof.batchPath
            );
        }
        if (!ok) return ILedgerAnchor.LogFault.BatchPath;
        hash = bookRecord(book, proof.firstSeq, proof.lastSeq, proof.previousHead, hash);
        (ok, hash) = Rfc9162.rootOf(hash, proof.bookIndex, proof.bookCount, proof.bookPath);
        if (!ok) return ILedgerAnchor.LogFault.BookPath;
        // What was hashed wrongly on the way shows only here, where the first known hash is met.
        if (!MerkleMountainRange.contains(hash, proof.anchorIndex, proof.count, proof.peaks, proof.peakPath)) {
            return ILedgerAnchor.LogFault.PeakPath;
        }
        return ILedgerAnchor.LogFault.None;
    }
}
