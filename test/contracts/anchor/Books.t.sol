// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {ILedgerAnchor} from "../../../contracts/interfaces/ILedgerAnchor.sol";
import {LogRecord} from "../../../contracts/libraries/LogRecord.sol";
import {AnchorFixture} from "../support/AnchorFixture.sol";
import {Trees} from "../support/Trees.sol";

/// @dev Anchors of 1 to 130 books, those of test/vectors/books.json, which the TypeScript side is tested on too. The
/// contract knows nothing of books: one view follows a record through its batch, its book record and the tree of books.
contract BooksTest is AnchorFixture {
    uint256 private constant BOOKS = 130;

    bytes32[] private books;
    bytes32[] private previousHeads;
    bytes32[] private batchRoots;
    bytes32[] private records;
    bytes32[] private leaves;
    bytes32 private slot;

    function setUp() public {
        string memory json = vm.readFile("test/vectors/books.json");
        books = vm.parseJsonBytes32Array(json, ".books");
        previousHeads = vm.parseJsonBytes32Array(json, ".previousHeads");
        batchRoots = vm.parseJsonBytes32Array(json, ".batchRoots");
        records = vm.parseJsonBytes32Array(json, ".records");
        leaves = vm.parseJsonBytes32Array(json, ".leaves");
        deployAnchor();
        slot = commitmentSlot();
    }

    function test_bookRecordsAndAnchorLeavesOfEveryNumberOfBooks() public view {
        eq(leaves.length, BOOKS, "all numbers");
        bytes32[] memory d = records;
        for (uint256 i = 0; i < BOOKS; ++i) {
            uint64 seq = seqOf(i);
            bytes32 hash = LogRecord.bookRecord(bytes16(books[i]), seq, seq, previousHeads[i], batchRoots[i]);
            eq(hash, d[i], "book record");
            eq(Trees.mth(d, 0, i + 1), leaves[i], "anchor leaf");
        }
    }

    function test_everyPathOfEveryNumberOfBooks() public view {
        bytes32 digest = vm.parseJsonBytes32(vm.readFile("test/vectors/books.json"), ".pathDigest");
        bytes32 chained;
        // Calls to itself, because memory is given back only at the end of a call.
        for (uint256 size = 1; size <= BOOKS; ++size) {
            chained = keccak256(bytes.concat(chained, this.everyPath(size)));
        }
        eq(chained, digest, "path digest");
    }

    function everyPath(uint256 size) external view returns (bytes memory row) {
        bytes32[] memory d = records;
        // Level by level, each node once: what Trees.inclusion finds by its definition, with a fraction of the hashes.
        bytes32[][] memory levels = new bytes32[][](9);
        uint256 height = 0;
        levels[0] = Trees.first(d, size);
        for (; levels[height].length > 1; ++height) levels[height + 1] = above(levels[height]);
        for (uint256 index = 0; index < size; ++index) {
            row = abi.encodePacked(row, uint8(size), uint8(index));
            bytes32[] memory path = new bytes32[](0);
            for (uint256 level = 0; level < height; ++level) {
                uint256 sibling = (index >> level) ^ 1;
                if (sibling < levels[level].length) path = Trees.push(path, levels[level][sibling]);
            }
            row = abi.encodePacked(row, path);
            yes(ledgerAnchor.verifyInclusion(d[index], index, size, path, leaves[size - 1]), "included");
        }
    }

    /// @dev A last node without a sibling moves up alone.
    function above(bytes32[] memory level) private pure returns (bytes32[] memory next) {
        next = new bytes32[]((level.length + 1) / 2);
        for (uint256 i = 0; i < next.length; ++i) {
            next[i] = 2 * i + 1 < level.length ? Trees.node(level[2 * i], level[2 * i + 1]) : level[2 * i];
        }
    }

    function testFuzz_aRecordOfAnyBookIsProvenByOneView(
        uint8 number,
        uint8 place,
        uint8 before,
        uint8 other,
        bytes32 flip
    ) public {
        uint256 count = between(number, 1, BOOKS);
        uint256 index = place % count;
        vm.assume(flip != 0);
        ILedgerAnchor.LogProof memory proof = anchored(count, index, between(before, 0, 20));
        bytes16 book = bytes16(books[index]);
        bytes32 leaf = batchRoots[index];
        uint64 seq = seqOf(index);
        said(leaf, book, seq, proof, ILedgerAnchor.LogFault.None, "in the log");

        // Another book, another record and another past are another book record, and lead elsewhere.
        said(
            leaf,
            book ^ bytes16(flip | bytes32(uint256(1) << 128)),
            seq,
            proof,
            ILedgerAnchor.LogFault.PeakPath,
            "another book"
        );
        said(leaf ^ flip, book, seq, proof, ILedgerAnchor.LogFault.PeakPath, "another record");
        proof.previousHead ^= flip;
        said(leaf, book, seq, proof, ILedgerAnchor.LogFault.PeakPath, "another past");
        proof.previousHead ^= flip;

        // The way is as long as place and number demand, and every sibling on it counts.
        bytes32[] memory path = proof.bookPath;
        proof.bookPath = Trees.push(path, flip);
        said(leaf, book, seq, proof, ILedgerAnchor.LogFault.BookPath, "path too long");
        proof.bookIndex = uint32(count) + other;
        said(leaf, book, seq, proof, ILedgerAnchor.LogFault.BookPath, "outside of the tree");
        proof.bookIndex = uint32(index);
        if (count == 1) return;
        proof.bookPath = Trees.pop(path);
        said(leaf, book, seq, proof, ILedgerAnchor.LogFault.BookPath, "path too short");
        proof.bookPath = path;
        path[other % path.length] ^= flip;
        said(leaf, book, seq, proof, ILedgerAnchor.LogFault.PeakPath, "another sibling");
        path[other % path.length] ^= flip;
        uint256 elsewhere = other % count;
        if (elsewhere == index) return;
        proof.bookIndex = uint32(elsewhere);
        no(ledgerAnchor.verifyRecord(leaf, book, seq, proof) == ILedgerAnchor.LogFault.None, "another place");
    }

    function said(
        bytes32 leaf,
        bytes16 book,
        uint64 seq,
        ILedgerAnchor.LogProof memory proof,
        ILedgerAnchor.LogFault fault,
        string memory what
    ) private view {
        yes(ledgerAnchor.verifyRecord(leaf, book, seq, proof) == fault, what);
    }

    /// @dev The way of the record of book `index` in an anchor of the first `count` books, which is the last of a log.
    function anchored(
        uint256 count,
        uint256 index,
        uint256 before
    ) private returns (ILedgerAnchor.LogProof memory proof) {
        bytes32[] memory log = new bytes32[](before + 1);
        for (uint256 i = 0; i < before; ++i) log[i] = keccak256(abi.encode("leaf", i));
        log[before] = leaves[count - 1];
        vm.store(address(ledgerAnchor), slot, commitmentOf(log, before + 1));
        uint64 seq = seqOf(index);
        proof = ILedgerAnchor.LogProof(
            seq,
            seq,
            previousHeads[index],
            new bytes32[](0),
            uint32(index),
            uint32(count),
            Trees.inclusion(index, records, 0, count),
            uint64(before),
            uint64(before + 1),
            Trees.peaks(log, before + 1),
            Trees.peakPath(log, before, before + 1)
        );
    }

    function seqOf(uint256 book) private pure returns (uint64) {
        return uint64(1 + 7 * book);
    }
}
