// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {ILedgerAnchor} from "../../../contracts/interfaces/ILedgerAnchor.sol";
import {ISettlementVault} from "../../../contracts/interfaces/ISettlementVault.sol";
import {TestStablecoin} from "../../../contracts/mocks/TestStablecoin.sol";
import {SettlementVault} from "../../../contracts/SettlementVault.sol";
import {AnchorFixture} from "./AnchorFixture.sol";
import {Trees} from "./Trees.sol";

/// @dev A vault owned by the test with one listed token and money in it, and everything that makes an instruction payable.
abstract contract VaultFixture is AnchorFixture {
    uint256 internal constant VAULT_KEY = uint256(keccak256("vault signer"));
    bytes16 internal constant BOOK = 0x018f000000007000800000000000b00c;
    uint96 internal constant PER_TRANSACTION = 1_000_000e6;
    uint96 internal constant PER_DAY = 3_000_000e6;
    uint256 internal constant PROBE = 10_000;
    uint256 internal constant FUNDS = 100_000_000e6;
    /// @dev 2025-10-09 00:53:20 UTC.
    uint256 internal constant START = 1_760_000_000;

    SettlementVault internal vault;
    TestStablecoin internal token;

    /// @dev All that pay needs.
    struct Payable {
        ISettlementVault.Instruction instruction;
        bytes32[] words;
        ISettlementVault.RecordHeader header;
        ILedgerAnchor.LogProof proof;
        bytes signature;
        bytes32 id;
    }

    function deployVault() internal {
        vm.warp(START);
        deployAnchor();
        append(keccak256("an anchor before"));
        vault = new SettlementVault(address(this), GUARDIAN, vm.addr(VAULT_KEY), ledgerAnchor, BOOK);
        token = new TestStablecoin("Dollar", "tUSD", 6, address(this));
        listToken(address(token));
        token.mint(address(vault), FUNDS);
    }

    function listToken(address asset) internal {
        TestStablecoin(asset).mint(address(this), PROBE);
        TestStablecoin(asset).approve(address(vault), PROBE);
        vault.list(asset, PER_TRANSACTION, PER_DAY, address(this), PROBE);
    }

    function word(address to, uint96 amount) internal pure returns (bytes32) {
        return bytes32(bytes20(to)) | bytes32(uint256(amount));
    }

    /// @dev Payees 0x1001, 0x1002, ... with amounts 1, 2, ... whole tokens.
    function words(uint256 count) internal pure returns (bytes32[] memory list) {
        list = new bytes32[](count);
        for (uint256 i = 0; i < count; ++i) list[i] = word(payee(i), uint96((i + 1) * 1e6));
    }

    function payee(uint256 i) internal pure returns (address) {
        return address(uint160(0x1001 + i));
    }

    function sum(bytes32[] memory list) internal pure returns (uint128 total) {
        for (uint256 i = 0; i < list.length; ++i) total += uint96(uint256(list[i]));
    }

    /// @dev An instruction over these words, not published and not signed yet.
    function draft(bytes32[] memory list) internal view returns (Payable memory p) {
        p.words = list;
        p.instruction = ISettlementVault.Instruction({
            book: BOOK,
            window: bytes16(keccak256("window")),
            index: 0,
            token: address(token),
            listHash: keccak256(abi.encodePacked(list)),
            count: uint8(list.length),
            total: sum(list),
            notAfter: uint64(block.timestamp + 1 days)
        });
    }

    /// @dev Puts the instruction's record into a batch, the batch's record into an anchor, the anchor into the log.
    function publish(Payable memory p) internal returns (Payable memory) {
        return publish(p, address(vault), block.chainid);
    }

    /// @dev The same for whatever vault and chain the leaf names.
    function publish(Payable memory p, address leafVault, uint256 leafChain) internal returns (Payable memory) {
        p.header = ISettlementVault.RecordHeader(103, uint64(block.timestamp * 1000), keccak256("fields"));
        bytes32[] memory batch = new bytes32[](5);
        for (uint256 i = 0; i < batch.length; ++i) batch[i] = keccak256(abi.encode("another record", i));
        batch[3] = leafOf(p, leafVault, leafChain);
        p.proof.firstSeq = 100;
        p.proof.lastSeq = 104;
        p.proof.previousHead = keccak256("the head before");
        p.proof.batchPath = Trees.inclusion(3, batch, 0, 5);

        bytes32[] memory books = new bytes32[](3);
        books[0] = keccak256("another book");
        books[1] = keccak256(
            abi.encodePacked(
                bytes3(0x000201),
                p.instruction.book,
                p.proof.firstSeq,
                p.proof.lastSeq,
                p.proof.previousHead,
                Trees.mth(batch, 0, 5)
            )
        );
        books[2] = keccak256("a third book");
        p.proof.bookIndex = 1;
        p.proof.bookCount = 3;
        p.proof.bookPath = Trees.inclusion(1, books, 0, 3);
        p.proof.anchorIndex = uint64(log.length);
        append(Trees.mth(books, 0, 3));
        return refresh(p);
    }

    /// @dev The last part of the proof against the log as it stands now.
    function refresh(Payable memory p) internal view returns (Payable memory) {
        p.proof.count = uint64(log.length);
        p.proof.peaks = Trees.peaks(log, log.length);
        p.proof.peakPath = Trees.peakPath(log, p.proof.anchorIndex, log.length);
        return p;
    }

    /// @dev formats.md "record leaf" and kind 10, written out a second time.
    function leafOf(Payable memory p, address leafVault, uint256 leafChain) internal pure returns (bytes32) {
        ISettlementVault.Instruction memory i = p.instruction;
        bytes memory head = abi.encodePacked(
            hex"0001010a",
            uint64(leafChain),
            i.book,
            p.header.seq,
            p.header.nowMs,
            p.header.fieldsRoot
        );
        bytes memory body = abi.encodePacked(leafVault, i.token, i.window, i.index, i.listHash, i.count, i.total);
        return keccak256(abi.encodePacked(head, body, i.notAfter));
    }

    function sign(Payable memory p) internal view returns (Payable memory) {
        p.id = vault.instructionId(p.instruction);
        p.signature = vaultSigns(VAULT_KEY, p.id);
        return p;
    }

    function vaultSigns(uint256 key, bytes32 structHash) internal view returns (bytes memory) {
        return signDigest(key, domainOf("CairnSettlementVault", block.chainid, address(vault)), structHash);
    }

    function cancelSignature(bytes32 id, uint8 index) internal view returns (bytes memory) {
        return
            vaultSigns(
                VAULT_KEY,
                keccak256(abi.encode(keccak256("Cancel(bytes32 instruction,uint8 index)"), id, index))
            );
    }

    /// @dev Published and signed.
    function ready(bytes32[] memory list) internal returns (Payable memory) {
        return sign(publish(draft(list)));
    }

    function pay(Payable memory p) internal returns (uint256) {
        return vault.pay(p.instruction, p.words, p.header, p.proof, p.signature);
    }

    function retry(Payable memory p, uint8 index) internal returns (uint256) {
        uint8[] memory indexes = new uint8[](1);
        indexes[0] = index;
        return vault.retry(p.instruction, p.words, indexes);
    }

    function settledBits(bytes32 id) internal view returns (uint256 settled) {
        (, settled, ) = vault.instructionState(id);
    }
}
