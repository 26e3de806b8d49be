// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {ILedgerAnchor} from "../../../contracts/interfaces/ILedgerAnchor.sol";
import {ISettlementVault} from "../../../contracts/interfaces/ISettlementVault.sol";
import {LogRecord} from "../../../contracts/libraries/LogRecord.sol";
import {SettlementVault} from "../../../contracts/SettlementVault.sol";
import {AnchorFixture} from "../support/AnchorFixture.sol";
import {Trees} from "../support/Trees.sol";

/// @dev Takes the library's calldata parameters.
contract LeafProbe {
    function instructionLeaf(
        address vault,
        ISettlementVault.RecordHeader calldata header,
        ISettlementVault.Instruction calldata instruction
    ) external view returns (bytes32) {
        return LogRecord.instructionLeaf(vault, header, instruction);
    }
}

/// @dev test/vectors/*.json, which the TypeScript side is tested on too.
contract VectorsTest is AnchorFixture {
    bytes16 private constant BOOK = 0x018f000000007000800000000000b00c;
    bytes16 private constant WINDOW = 0x018f0000000070008000000000000050;
    address private constant VAULT = 0xA000000000000000000000000000000000000003;
    address private constant TOKEN = 0xA000000000000000000000000000000000000001;

    function setUp() public {
        vm.chainId(31337);
        deployAnchor();
    }

    function test_rootsAndEveryProof() public view {
        string memory json = vm.readFile("test/vectors/merkle.json");
        bytes32[] memory leaves = vm.parseJsonBytes32Array(json, ".leaves");
        bytes32[] memory roots = vm.parseJsonBytes32Array(json, ".roots");
        eq(roots.length, 64, "all sizes");
        bytes memory inclusions;
        bytes memory consistencies;
        for (uint256 size = 1; size <= 64; ++size) {
            eq(Trees.mth(leaves, 0, size), roots[size - 1], "root");
            // Calls to itself, because memory is given back only at the end of a call.
            inclusions = abi.encodePacked(inclusions, this.everyInclusion(leaves, roots[size - 1], size));
            consistencies = abi.encodePacked(consistencies, this.everyConsistency(leaves, roots, size));
        }
        eq(keccak256(inclusions), vm.parseJsonBytes32(json, ".inclusionDigest"), "inclusion digest");
        eq(keccak256(consistencies), vm.parseJsonBytes32(json, ".consistencyDigest"), "consistency digest");
    }

    function everyInclusion(
        bytes32[] memory leaves,
        bytes32 root,
        uint256 size
    ) external view returns (bytes memory row) {
        for (uint256 m = 0; m < size; ++m) {
            bytes32[] memory path = Trees.inclusion(m, leaves, 0, size);
            yes(ledgerAnchor.verifyInclusion(leaves[m], m, size, path, root), "inclusion");
            row = abi.encodePacked(row, uint8(size), uint8(m), path);
        }
    }

    function everyConsistency(
        bytes32[] memory leaves,
        bytes32[] memory roots,
        uint256 size
    ) external view returns (bytes memory row) {
        for (uint256 m = 1; m <= size; ++m) {
            bytes32[] memory path = Trees.consistency(m, leaves, size);
            yes(ledgerAnchor.verifyConsistency(m, roots[m - 1], size, roots[size - 1], path), "consistency");
            row = abi.encodePacked(row, uint8(size), uint8(m), path);
        }
    }

    function test_commitmentsOfTheLog() public {
        bytes32[] memory leaves = vm.parseJsonBytes32Array(vm.readFile("test/vectors/merkle.json"), ".leaves");
        bytes32[] memory expected = vm.parseJsonBytes32Array(vm.readFile("test/vectors/log.json"), ".commitments");
        eq(expected.length, 65, "from the empty log on");
        eq(ledgerAnchor.commitment(), expected[0], "empty");
        for (uint256 i = 0; i < leaves.length; ++i) {
            append(leaves[i]);
            eq(ledgerAnchor.commitment(), expected[i + 1], "commitment");
        }
    }

    function test_instructionLeafAndTheWayToTheCommitment() public {
        string memory records = vm.readFile("test/vectors/records.json");
        string memory json = vm.readFile("test/vectors/proof.json");
        ISettlementVault.Instruction memory instruction = ISettlementVault.Instruction(
            BOOK,
            WINDOW,
            0,
            TOKEN,
            vm.parseJsonBytes32(records, ".records[11].listHash"),
            3,
            375000,
            1760086400
        );
        ISettlementVault.RecordHeader memory header = ISettlementVault.RecordHeader(12, 1760000000011, 0);
        bytes32 leaf = new LeafProbe().instructionLeaf(VAULT, header, instruction);
        eq(leaf, vm.parseJsonBytes32Array(records, ".leaves")[11], "leaf");
        eq(leaf, vm.parseJsonBytes32(json, ".record.leaf"), "leaf of the proof");

        ILedgerAnchor.LogProof memory proof = ILedgerAnchor.LogProof(
            1,
            17,
            0,
            vm.parseJsonBytes32Array(json, ".batch.path"),
            uint32(vm.parseJsonUint(json, ".book.index")),
            uint32(vm.parseJsonUint(json, ".book.size")),
            vm.parseJsonBytes32Array(json, ".book.path"),
            uint64(vm.parseJsonUint(json, ".log.index")),
            uint64(vm.parseJsonUint(json, ".log.count")),
            vm.parseJsonBytes32Array(json, ".log.peaks"),
            vm.parseJsonBytes32Array(json, ".log.path")
        );
        yes(ledgerAnchor.verifyRecord(leaf, BOOK, 12, proof) == ILedgerAnchor.LogFault.StalePeaks, "not this log");
        // The log of the vectors was never anchored here.
        vm.store(address(ledgerAnchor), commitmentSlot(), vm.parseJsonBytes32(json, ".log.commitment"));
        yes(ledgerAnchor.verifyRecord(leaf, BOOK, 12, proof) == ILedgerAnchor.LogFault.None, "in the log");
        yes(ledgerAnchor.verifyRecord(leaf, BOOK, 13, proof) == ILedgerAnchor.LogFault.PeakPath, "another seq");
    }

    function test_digestsAndSignatures() public {
        string memory json = vm.readFile("test/vectors/eip712.json");
        address signer = vm.parseJsonAddress(json, ".signer");
        bytes32 structHash = keccak256(
            abi.encode(
                ANCHOR_TYPEHASH,
                vm.parseJsonBytes32(json, ".intents[0].intent.previous"),
                vm.parseJsonBytes32(json, ".intents[0].intent.leaf")
            )
        );
        bytes32 domain = domainOf("CairnLedgerAnchor", 31337, vm.parseJsonAddress(json, ".intents[0].intent.anchor"));
        eq(
            keccak256(abi.encodePacked(hex"1901", domain, structHash)),
            vm.parseJsonBytes32(json, ".intents[0].digest"),
            "anchor digest"
        );

        // The vault itself at the vectors' address: its code with its immutables, its signer in its slot.
        SettlementVault deployed = new SettlementVault(address(this), GUARDIAN, signer, ledgerAnchor, BOOK);
        vm.etch(VAULT, address(deployed).code);
        for (uint256 slot = 0; slot < 12; ++slot) {
            vm.store(VAULT, bytes32(slot), vm.load(address(deployed), bytes32(slot)));
        }
        SettlementVault vault = SettlementVault(VAULT);
        ISettlementVault.Instruction memory instruction = ISettlementVault.Instruction(
            BOOK,
            WINDOW,
            1,
            TOKEN,
            vm.parseJsonBytes32(json, ".intents[1].intent.instruction.listHash"),
            3,
            79228162514264337593543950338,
            1760086400
        );
        bytes32 id = vm.parseJsonBytes32(json, ".instructionId");
        eq(vault.instructionId(instruction), id, "instruction id");
        domain = domainOf("CairnSettlementVault", 31337, VAULT);
        eq(
            keccak256(abi.encodePacked(hex"1901", domain, id)),
            vm.parseJsonBytes32(json, ".intents[1].digest"),
            "instruction digest"
        );
        vault.cancel(id, 2, vm.parseJsonBytes(json, ".intents[2].signature"));
        (, , uint256 cancelled) = vault.instructionState(id);
        eq(cancelled, 4, "cancelled");
    }
}
