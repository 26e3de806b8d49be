// SPDX-License-Identifier: Apache-2.0
// solhint-disable one-contract-per-file
pragma solidity ^0.8.30;

import {MerkleTree} from "@openzeppelin/contracts/utils/structs/MerkleTree.sol";

/// @title Other ways to anchor a root, to measure ours against
/// @dev Each is the least that the design it stands for can do: only the deployer writes, one write a root.
abstract contract RootWriter {
    /// @dev Nobody but the deployer writes.
    error NotTheWriter(address caller);

    address private immutable WRITER = msg.sender;

    modifier onlyWriter() {
        if (msg.sender != WRITER) revert NotTheWriter(msg.sender);
        _;
    }
}

/// @title The root in an event, nothing stored
contract EventAnchor is RootWriter {
    /// @notice A root was written.
    event Written(bytes32 root);

    /// @notice Writes a root.
    function write(bytes32 root) external onlyWriter {
        emit Written(root);
    }
}

/// @title One slot with a chained head, compared before it is replaced
contract ChainAnchor is RootWriter {
    /// @notice The head so far.
    bytes32 public head = keccak256("none");

    /// @dev Somebody wrote in between.
    error AnotherHead(bytes32 current);

    /// @notice A root was written.
    event Written(bytes32 root, bytes32 head);

    /// @notice Writes a root after a head.
    function write(bytes32 root, bytes32 previous) external onlyWriter {
        if (previous != head) revert AnotherHead(head);
        head = keccak256(abi.encode(previous, root));
        emit Written(root, head);
    }
}

/// @title A slot a root: its time, as a timestamping registry keeps it
contract MappingAnchor is RootWriter {
    /// @notice When a root was written.
    mapping(bytes32 root => uint64 time) public times;

    /// @notice A root was written.
    event Written(bytes32 indexed root, uint64 time);

    /// @notice Writes a root.
    function write(bytes32 root) external onlyWriter {
        times[root] = uint64(block.timestamp);
        emit Written(root, uint64(block.timestamp));
    }
}

/// @title Two slots a root: an array of outputs, as optimistic rollups keep it
contract OutputAnchor is RootWriter {
    struct Output {
        bytes32 root;
        uint128 time;
        uint128 number;
    }

    /// @notice The outputs so far.
    Output[] public outputs;

    /// @notice A root was written.
    event Written(bytes32 indexed root, uint256 indexed index, uint256 indexed number, uint256 time);

    /// @notice Writes a root.
    function write(bytes32 root, uint128 number) external onlyWriter {
        emit Written(root, outputs.length, number, block.timestamp);
        outputs.push(Output(root, uint128(block.timestamp), number));
    }
}

/// @title A Merkle tree of depth 20 that the contract keeps itself
contract TreeAnchor is RootWriter {
    using MerkleTree for MerkleTree.Bytes32PushTree;

    /// @notice The root so far.
    bytes32 public treeRoot;

    MerkleTree.Bytes32PushTree private _tree;

    /// @notice A root was written.
    event Written(bytes32 root, uint256 index);

    constructor() {
        _tree.setup(20, bytes32(0));
    }

    /// @notice Writes a root.
    function write(bytes32 root) external onlyWriter {
        (uint256 index, bytes32 newRoot) = _tree.push(root);
        treeRoot = newRoot;
        emit Written(root, index);
    }
}
