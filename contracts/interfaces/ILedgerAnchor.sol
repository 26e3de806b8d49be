// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// @title The anchored log of one deployment
/// @notice Holds a commitment to an append-only log: a Merkle Mountain Range over anchor leaves, each the root of a small
/// tree of book records, each naming a batch of one book (docs/formats.md, "The log"). The contract stores one word,
/// keccak(count, peaks); whoever anchors supplies the peaks and the contract itself merges the new leaf into them, so
/// nobody, not even the owner, can rewrite what was anchored.
interface ILedgerAnchor {
    /// @notice The way from a record leaf to the commitment: record -> batch -> book record -> anchor leaf -> peak.
    /// @param firstSeq first record of the batch
    /// @param lastSeq last record of the batch
    /// @param previousHead the book record hash before this one, zero for a book's first
    /// @param batchPath RFC 9162 inclusion path of the record in its batch
    /// @param bookIndex position of the book record among those of its anchor
    /// @param bookCount number of book records of its anchor
    /// @param bookPath RFC 9162 inclusion path of the book record in its anchor leaf
    /// @param anchorIndex position of the anchor leaf in the log
    /// @param count anchor leaves in the log now
    /// @param peaks the roots of the log's full subtrees now, largest first
    /// @param peakPath siblings from the anchor leaf up to its peak
    struct LogProof {
        uint64 firstSeq;
        uint64 lastSeq;
        bytes32 previousHead;
        bytes32[] batchPath;
        uint32 bookIndex;
        uint32 bookCount;
        bytes32[] bookPath;
        uint64 anchorIndex;
        uint64 count;
        bytes32[] peaks;
        bytes32[] peakPath;
    }

    /// @notice What is wrong with a proof, first fault first.
    enum LogFault {
        None,
        StalePeaks,
        OutsideBatch,
        BatchPath,
        BookPath,
        PeakPath
    }

    /// @notice The count and peaks are not those of the log now: somebody anchored in between, or they are wrong.
    /// @param current the commitment in force
    /// @param supplied the commitment of what the caller supplied
    error StalePeaks(bytes32 current, bytes32 supplied);

    /// @notice A leaf was appended.
    /// @param index its position in the log, from zero
    /// @param leaf the anchor leaf
    /// @param previous the commitment it extends
    /// @param commitment the commitment from now on
    event Anchored(uint256 indexed index, bytes32 leaf, bytes32 previous, bytes32 commitment);

    /// @notice Appends one leaf to the log. Anybody may relay; the poster's signature decides.
    /// @dev The signature is over Anchor(previous, leaf), so it extends exactly one state of the log: sent twice, or after
    /// a reorganisation, it appends at most once.
    /// @param leaf the anchor leaf
    /// @param count anchor leaves in the log now
    /// @param peaks the roots of the log's full subtrees now, largest first
    /// @param signature the poster's, 65 bytes r || s || v
    function anchor(bytes32 leaf, uint256 count, bytes32[] calldata peaks, bytes calldata signature) external;

    /// @notice Replaces the poster. Owner only.
    /// @param newPoster the poster from now on
    function setPoster(address newPoster) external;

    /// @notice keccak(count, peaks) of the log now.
    function commitment() external view returns (bytes32);

    /// @notice Whose signature appends.
    function poster() external view returns (address);

    /// @notice Whether a record of a book is in the log as it stands.
    /// @param leaf the record leaf
    /// @param book the book's id
    /// @param seq the record's sequence number
    /// @param proof the way to the commitment
    /// @return fault None if it is, or the first step that fails
    function verifyRecord(
        bytes32 leaf,
        bytes16 book,
        uint64 seq,
        LogProof calldata proof
    ) external view returns (LogFault fault);

    /// @notice RFC 9162 section 2.1.3.2: whether `leaf` is at `index` of the tree of `size` leaves with this root.
    /// @param leaf the leaf hash
    /// @param index its position, from zero
    /// @param size leaves of the tree
    /// @param path the inclusion path, of exactly the length that index and size demand
    /// @param root the tree's root
    /// @return whether it is
    function verifyInclusion(
        bytes32 leaf,
        uint256 index,
        uint256 size,
        bytes32[] calldata path,
        bytes32 root
    ) external pure returns (bool);

    /// @notice RFC 9162 section 2.1.4.2: whether the tree of `size2` leaves extends the tree of `size1` leaves.
    /// @dev Equal sizes need equal roots and an empty path; the empty tree (size1 = 0) has no proof and is refused.
    /// @param size1 leaves of the earlier tree, at least one
    /// @param root1 its root
    /// @param size2 leaves of the later tree
    /// @param root2 its root
    /// @param path the consistency path, of exactly the length that the sizes demand
    /// @return whether it does
    function verifyConsistency(
        uint256 size1,
        bytes32 root1,
        uint256 size2,
        bytes32 root2,
        bytes32[] calldata path
    ) external pure returns (bool);
}
