// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IERC3009} from "@openzeppelin/contracts/interfaces/draft-IERC3009.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {Governed} from "./Governed.sol";
import {ILedgerAnchor} from "./interfaces/ILedgerAnchor.sol";
import {ISettlementVault} from "./interfaces/ISettlementVault.sol";
import {LogRecord} from "./libraries/LogRecord.sol";
import {SettlementAccounting} from "./SettlementAccounting.sol";

/// @title The vault that holds the merchants' stablecoins and pays their suppliers
/// @dev Deliberately absent: withdrawal, rescue, upgrade, native currency, any payment without both proof and signature.
contract SettlementVault is ISettlementVault, SettlementAccounting, Governed, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    bytes32 private constant INSTRUCTION_TYPEHASH = keccak256(
        "Instruction(bytes16 book,bytes16 window,uint16 index,address token,bytes32 listHash,uint8 count,uint128 total,uint64 notAfter)"
    );
    bytes32 private constant CANCEL_TYPEHASH = keccak256("Cancel(bytes32 instruction,uint8 index)");
    bytes32 private constant DEPOSIT_TYPEHASH = keccak256(
        "DepositReference(address owner,address token,uint256 value,bytes32 reference,uint256 deadline)"
    );

    /// @dev Gas that every payee's transfer is offered: several times what a stablecoin behind a proxy needs.
    uint256 private constant TRANSFER_GAS = 200_000;
    /// @dev Gas that must be left before a transfer so that it is offered all of it (EIP-150 keeps back 1/64) and enough
    /// remains to write down a failure. A relayer who starves the call makes the transaction revert, not the payee fail.
    uint256 private constant GAS_BEFORE_TRANSFER = (TRANSFER_GAS * 64) / 63 + 25_000;

    /// @inheritdoc ISettlementVault
    ILedgerAnchor public immutable anchor;
    /// @inheritdoc ISettlementVault
    bytes16 public immutable book;

    /// @dev Digests of the deposit references that were used.
    mapping(bytes32 digest => bool used) private _usedReferences;

    /// @param initialOwner the timelock
    /// @param initialGuardian who may pause beside it
    /// @param initialSigner whose signature authorises payments
    /// @param anchor_ the log to believe, for ever
    /// @param book_ the book to serve, for ever
    constructor(
        address initialOwner,
        address initialGuardian,
        address initialSigner,
        ILedgerAnchor anchor_,
        bytes16 book_
    ) Governed(initialOwner, initialGuardian, initialSigner) EIP712("CairnSettlementVault", "1") {
        if (address(anchor_).code.length == 0) revert NotAContract(address(anchor_));
        anchor = anchor_;
        book = book_;
    }

    /// @inheritdoc ISettlementVault
    function pay(
        Instruction calldata instruction,
        bytes32[] calldata words,
        RecordHeader calldata header,
        ILedgerAnchor.LogProof calldata proof,
        bytes calldata signature
    ) external nonReentrant whenNotPaused returns (uint256 payments) {
        bytes32 id = _checkInstruction(instruction, words);
        uint256 state = _states[id];
        if (state & OPENED != 0) revert AlreadyOpened(id);
        uint256 sum = _sum(words, type(uint256).max);
        if (sum != instruction.total) revert TotalMismatch(instruction.total, sum);
        _requireInLog(instruction, header, proof);
        _requireSigned(id, signature);

        payments = ((1 << words.length) - 1) & ~state;
        if (payments == 0) revert NothingToPay(id);
        _states[id] = state | OPENED;
        return _settle(id, instruction.token, words, payments);
    }

    /// @inheritdoc ISettlementVault
    function retry(
        Instruction calldata instruction,
        bytes32[] calldata words,
        uint8[] calldata indexes
    ) external nonReentrant whenNotPaused returns (uint256 payments) {
        bytes32 id = _checkInstruction(instruction, words);
        uint256 state = _states[id];
        if (state & OPENED == 0) revert NotOpened(id);
        for (uint256 i = 0; i < indexes.length; ++i) {
            if (indexes[i] >= words.length) revert NoSuchPayment(id, indexes[i]);
            payments |= 1 << indexes[i];
        }
        payments &= ~state;
        if (payments == 0) revert NothingToPay(id);
        return _settle(id, instruction.token, words, payments);
    }

    /// @inheritdoc ISettlementVault
    function cancel(bytes32 instruction, uint8 index, bytes calldata signature) external nonReentrant {
        // Bit 255 is the flag: cancelling it would close an instruction that was never paid from.
        if (index == 255) revert NoSuchPayment(instruction, index);
        uint256 state = _states[instruction];
        uint256 bit = 1 << index;
        if (state & bit != 0) revert AlreadySettled(instruction, index);
        _requireSigned(keccak256(abi.encode(CANCEL_TYPEHASH, instruction, index)), signature);
        _states[instruction] = state | bit;
        _cancelled[instruction] |= bit;
        emit Cancelled(instruction, index);
    }

    /// @inheritdoc ISettlementVault
    function depositWithAuthorization(
        address token,
        address from,
        uint256 value,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 merchantReference,
        bytes32 salt,
        PermitSignature calldata signature
    ) external nonReentrant whenNotPaused {
        uint256 before = _beforeDeposit(token, value);
        // The token takes this call from nobody but the vault, and the nonce binds the reference.
        IERC3009(token).receiveWithAuthorization(
            from,
            address(this),
            value,
            validAfter,
            validBefore,
            keccak256(abi.encode(merchantReference, salt)),
            signature.v,
            signature.r,
            signature.s
        );
        _afterDeposit(token, from, value, merchantReference, before);
    }

    /// @inheritdoc ISettlementVault
    function depositWithPermit(
        address owner,
        address token,
        uint256 value,
        bytes32 merchantReference,
        uint256 deadline,
        PermitSignature calldata permit,
        bytes calldata referenceSignature
    ) external nonReentrant whenNotPaused {
        if (block.timestamp > deadline) revert DepositExpired(deadline, block.timestamp);
        bytes32 digest = _hashTypedDataV4(
            keccak256(abi.encode(DEPOSIT_TYPEHASH, owner, token, value, merchantReference, deadline))
        );
        if (_usedReferences[digest]) revert DepositReplayed(digest);
        (address recovered, , ) = ECDSA.tryRecoverCalldata(digest, referenceSignature);
        if (recovered == address(0) || recovered != owner) revert ReferenceNotSigned(owner, recovered);
        uint256 before = _beforeDeposit(token, value);
        _usedReferences[digest] = true;
        // Whoever saw the permit may have used it first: then the allowance is there all the same, and if it is not, the
        // transfer says so.
        try IERC20Permit(token).permit(owner, address(this), value, deadline, permit.v, permit.r, permit.s) {} catch {}
        IERC20(token).safeTransferFrom(owner, address(this), value);
        _afterDeposit(token, owner, value, merchantReference, before);
    }

    /// @inheritdoc ISettlementVault
    function list(
        address token,
        uint96 perTransaction,
        uint96 perDay,
        address prober,
        uint256 probe
    ) external nonReentrant onlyOwner {
        if (token.code.length == 0) revert NotAContract(token);
        if (_caps[token].listed) revert TokenAlreadyListed(token);
        if (probe == 0) revert ZeroAmount();
        uint256 vaultBefore = IERC20(token).balanceOf(address(this));
        uint256 proberBefore = IERC20(token).balanceOf(prober);
        IERC20(token).safeTransferFrom(prober, address(this), probe);
        uint256 arrived = IERC20(token).balanceOf(address(this)) - vaultBefore;
        if (arrived != probe) revert AmountMismatch(token, probe, arrived);
        IERC20(token).safeTransfer(prober, probe);
        if (IERC20(token).balanceOf(address(this)) != vaultBefore) {
            revert AmountMismatch(token, vaultBefore, IERC20(token).balanceOf(address(this)));
        }
        if (IERC20(token).balanceOf(prober) != proberBefore) {
            revert AmountMismatch(token, proberBefore, IERC20(token).balanceOf(prober));
        }
        _caps[token] = Caps(true, perTransaction, perDay);
        emit TokenListed(token, perTransaction, perDay);
    }

    /// @inheritdoc ISettlementVault
    function setCaps(address token, uint96 perTransaction, uint96 perDay) external onlyOwner {
        if (!_caps[token].listed) revert TokenNotListed(token);
        _caps[token] = Caps(true, perTransaction, perDay);
        emit TokenListed(token, perTransaction, perDay);
    }

    /// @inheritdoc ISettlementVault
    function unlist(address token) external onlyOwner {
        if (!_caps[token].listed) revert TokenNotListed(token);
        delete _caps[token];
        emit TokenUnlisted(token);
    }

    /// @inheritdoc ISettlementVault
    function setSigner(address newSigner) external onlyOwner {
        _changeSigner(newSigner);
    }

    /// @inheritdoc ISettlementVault
    function signer() external view returns (address) {
        return _signer;
    }

    /// @inheritdoc ISettlementVault
    function instructionState(
        bytes32 instruction
    ) external view returns (bool opened, uint256 settled, uint256 cancelled) {
        uint256 state = _states[instruction];
        return (state & OPENED != 0, state & ~OPENED, _cancelled[instruction]);
    }

    /// @inheritdoc ISettlementVault
    function caps(address token) external view returns (bool listed, uint96 perTransaction, uint96 perDay) {
        Caps memory cap = _caps[token];
        return (cap.listed, cap.perTransaction, cap.perDay);
    }

    /// @inheritdoc ISettlementVault
    function spentToday(address token) external view returns (uint256) {
        return _spentOn(token, block.timestamp / 1 days);
    }

    /// @inheritdoc ISettlementVault
    function instructionId(Instruction calldata instruction) external pure returns (bytes32) {
        return _id(instruction);
    }

    /// @dev Pays the words whose bit is set in `payments`, as far as the token lets, and returns the bits that were paid.
    /// State and caps are taken before the first call, so nothing that happens inside a token finds them untaken.
    function _settle(bytes32 id, address token, bytes32[] calldata words, uint256 payments) private returns (uint256) {
        if (token.code.length == 0) revert NotAContract(token);
        uint256 amount = _sum(words, payments);
        _reserve(token, amount);
        _states[id] |= payments;

        uint256 before = IERC20(token).balanceOf(address(this));
        (uint256 failed, uint256 failedAmount) = _transferAll(id, token, words, payments);
        if (failed != 0) {
            _states[id] &= ~failed;
            _unreserve(token, failedAmount);
            payments &= ~failed;
            amount -= failedAmount;
        }
        // At least: a payee who sends something back in the middle must not be able to stop the others.
        uint256 left = IERC20(token).balanceOf(address(this));
        if (left + amount < before) revert VaultOvercharged(token, amount, before - left);
        emit Paid(id, token, payments, amount);
        return payments;
    }

    /// @dev Calls the token once for every bit of `payments`; a failure is recorded and skipped.
    function _transferAll(
        bytes32 id,
        address token,
        bytes32[] calldata words,
        uint256 payments
    ) private returns (uint256 failed, uint256 failedAmount) {
        for (uint256 i = 0; i < words.length; ++i) {
            if ((payments >> i) & 1 == 0) continue;
            address payee = address(bytes20(words[i]));
            uint256 amount = uint96(uint256(words[i]));
            if (gasleft() < GAS_BEFORE_TRANSFER) revert NotEnoughGas(i, gasleft(), GAS_BEFORE_TRANSFER);
            (bool paid, bytes32 answer) = _tryTransfer(token, payee, amount);
            if (!paid) {
                failed |= 1 << i;
                failedAmount += amount;
                emit PaymentFailed(id, uint8(i), payee, uint96(amount), bytes4(answer));
            }
        }
    }

    /// @dev One transfer. Paid means that the call went through and the token answered true, or nothing at all as some old
    /// tokens do. A word that names nobody, nothing, the vault or the token itself is a failed payment: a transfer to any
    /// of them would burn money or leave the ledger and the vault apart.
    function _tryTransfer(address token, address payee, uint256 amount) private returns (bool paid, bytes32 answer) {
        if (payee == address(0) || payee == address(this) || payee == token || amount == 0) return (false, 0);
        bytes4 selector = IERC20.transfer.selector;
        assembly ("memory-safe") {
            let m := mload(0x40)
            mstore(m, selector)
            mstore(add(m, 0x04), payee)
            mstore(add(m, 0x24), amount)
            mstore(0x00, 0)
            // At most 32 bytes of the answer are copied: a token cannot make the vault pay for a long one.
            paid := call(TRANSFER_GAS, token, 0, m, 0x44, 0x00, 0x20)
            answer := mload(0x00)
            if paid {
                if returndatasize() {
                    paid := and(gt(returndatasize(), 0x1f), eq(answer, 1))
                }
            }
        }
    }

    /// @dev The checks that pay and retry share; returns the instruction's id.
    function _checkInstruction(
        Instruction calldata instruction,
        bytes32[] calldata words
    ) private view returns (bytes32) {
        if (instruction.book != book) revert WrongBook(book, instruction.book);
        if (block.timestamp > instruction.notAfter) revert InstructionExpired(instruction.notAfter, block.timestamp);
        if (words.length == 0 || words.length != instruction.count) {
            revert CountMismatch(instruction.count, words.length);
        }
        bytes32 listHash;
        assembly ("memory-safe") {
            let m := mload(0x40)
            let size := shl(5, words.length)
            calldatacopy(m, words.offset, size)
            listHash := keccak256(m, size)
        }
        if (listHash != instruction.listHash) revert ListMismatch(instruction.listHash, listHash);
        return _id(instruction);
    }

    /// @dev Refuses unless the instruction's record is in the log as it stands.
    function _requireInLog(
        Instruction calldata instruction,
        RecordHeader calldata header,
        ILedgerAnchor.LogProof calldata proof
    ) private view {
        ILedgerAnchor.LogFault fault = LogRecord.check(
            anchor.commitment(),
            LogRecord.instructionLeaf(address(this), header, instruction),
            instruction.book,
            header.seq,
            proof
        );
        if (fault != ILedgerAnchor.LogFault.None) revert NotInLog(fault);
    }

    /// @dev Checks a deposit before the token is called; returns the vault's balance.
    function _beforeDeposit(address token, uint256 value) private view returns (uint256) {
        if (!_caps[token].listed) revert TokenNotListed(token);
        if (value == 0) revert ZeroAmount();
        return IERC20(token).balanceOf(address(this));
    }

    /// @dev Credits what arrived, if it is what was promised.
    function _afterDeposit(
        address token,
        address from,
        uint256 value,
        bytes32 merchantReference,
        uint256 before
    ) private {
        uint256 arrived = IERC20(token).balanceOf(address(this)) - before;
        if (arrived != value) revert AmountMismatch(token, value, arrived);
        emit Deposited(merchantReference, token, from, value);
    }

    /// @dev hashStruct(Instruction), EIP-712: every member is static, so the ABI encoding is the struct encoding.
    function _id(Instruction calldata instruction) private pure returns (bytes32) {
        return keccak256(abi.encode(INSTRUCTION_TYPEHASH, instruction));
    }

    /// @dev Sum of the amounts of the words whose bit is set; at most 255 amounts of 96 bits, so it cannot overflow.
    function _sum(bytes32[] calldata words, uint256 mask) private pure returns (uint256 sum) {
        unchecked {
            for (uint256 i = 0; i < words.length; ++i) {
                sum += uint96(uint256(words[i])) * ((mask >> i) & 1);
            }
        }
    }
}
