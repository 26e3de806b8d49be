// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IERC3009} from "@openzeppelin/contracts/interfaces/draft-IERC3009.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {Governed} from "./Governed.sol";
import {ILedgerAnchor} from "./interfaces/ILedgerAnchor.sol";
import {ISettlementVault} from "./interfaces/ISettlementVault.sol";
import {InstructionState} from "./libraries/InstructionState.sol";
import {LogRecord} from "./libraries/LogRecord.sol";
import {PackedPayments} from "./libraries/PackedPayments.sol";
import {Signature} from "./libraries/Signature.sol";
import {SettlementAccounting} from "./SettlementAccounting.sol";

/// @title The vault that holds the merchants' stablecoins and pays their suppliers
/// @dev Deliberately absent: withdrawal, rescue, upgrade, native currency, any payment without both proof and signature.
contract SettlementVault is ISettlementVault, SettlementAccounting, Governed, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;
    using InstructionState for uint256;

    bytes32 private constant INSTRUCTION_TYPEHASH = keccak256(
        "Instruction(bytes16 book,bytes16 window,uint16 index,address token,bytes32 listHash,uint8 count,uint128 total,uint64 notAfter)"
    );
    bytes32 private constant CANCEL_TYPEHASH = keccak256("Cancel(bytes32 instruction,uint8 index)");
    bytes32 private constant DEPOSIT_TYPEHASH = keccak256(
        "DepositReference(address owner,address token,uint256 value,bytes32 reference,uint256 deadline)"
    );

    /// @dev Enough units for a fee of one basis point to show.
    uint256 private constant MIN_PROBE = 10_000;

    /// @inheritdoc ISettlementVault
    ILedgerAnchor public immutable anchor;
    /// @inheritdoc ISettlementVault
    bytes16 public immutable book;

    mapping(bytes32 instruction => uint256 state) private _states;
    mapping(bytes32 instruction => uint256 bits) private _cancelled;
    /// @dev Struct hashes of the deposit references that were used.
    mapping(bytes32 deposit => bool used) private _usedReferences;

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
    ) external nonReentrant returns (uint256 payments) {
        address signer_ = _signerUnlessPaused();
        bytes32 id = _checkInstruction(instruction, words);
        uint256 state = _states[id];
        if (state.isOpened()) revert AlreadyOpened(id);
        uint256 amount = PackedPayments.sum(words);
        if (amount != instruction.total) revert TotalMismatch(instruction.total, amount);
        _requireInLog(instruction, header, proof);
        _requireSigned(signer_, id, signature);

        unchecked {
            // 1 to 255 words.
            payments = (1 << words.length) - 1;
        }
        if (state != 0) {
            // Some were cancelled before.
            payments = state.open(payments);
            if (payments == 0) revert NothingToPay(id);
            amount = PackedPayments.sumOf(words, payments);
        }
        return _settle(id, instruction.token, words, payments, amount, state);
    }

    /// @inheritdoc ISettlementVault
    function retry(
        Instruction calldata instruction,
        bytes32[] calldata words,
        uint8[] calldata indexes
    ) external nonReentrant whenNotPaused returns (uint256 payments) {
        bytes32 id = _checkInstruction(instruction, words);
        uint256 state = _states[id];
        if (!state.isOpened()) revert NotOpened(id);
        for (uint256 i = 0; i < indexes.length; ++i) {
            if (indexes[i] >= words.length) revert NoSuchPayment(id, indexes[i]);
            payments |= 1 << indexes[i];
        }
        payments = state.open(payments);
        if (payments == 0) revert NothingToPay(id);
        return _settle(id, instruction.token, words, payments, PackedPayments.sumOf(words, payments), state);
    }

    /// @inheritdoc ISettlementVault
    function cancel(bytes32 instruction, uint8 index, bytes calldata signature) external nonReentrant {
        // Bit 255 is the flag: cancelling it would close an instruction that was never paid from.
        if (index == 255) revert NoSuchPayment(instruction, index);
        uint256 state = _states[instruction];
        uint256 bit = 1 << index;
        if (!state.areOpen(bit)) revert AlreadySettled(instruction, index);
        _requireSigned(_signer, keccak256(abi.encode(CANCEL_TYPEHASH, instruction, index)), signature);
        _states[instruction] = state.cancel(bit);
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
        bytes32 deposit = keccak256(abi.encode(DEPOSIT_TYPEHASH, owner, token, value, merchantReference, deadline));
        if (_usedReferences[deposit]) revert DepositReplayed(deposit);
        address recovered = Signature.recover(_domainSeparatorV4(), deposit, referenceSignature);
        if (recovered == address(0) || recovered != owner) revert ReferenceNotSigned(owner, recovered);
        uint256 before = _beforeDeposit(token, value);
        _usedReferences[deposit] = true;
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
        if (_allowances[token].listed) revert TokenAlreadyListed(token);
        if (probe < MIN_PROBE) revert ProbeTooSmall(MIN_PROBE, probe);
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
        _setCaps(token, perTransaction, perDay, _today());
        emit TokenListed(token, perTransaction, perDay);
    }

    /// @inheritdoc ISettlementVault
    function setCaps(address token, uint96 perTransaction, uint96 perDay) external nonReentrant onlyOwner {
        if (!_allowances[token].listed) revert TokenNotListed(token);
        _setCaps(token, perTransaction, perDay, _today());
        emit TokenListed(token, perTransaction, perDay);
    }

    /// @inheritdoc ISettlementVault
    function unlist(address token) external nonReentrant onlyOwner {
        if (!_allowances[token].listed) revert TokenNotListed(token);
        _allowances[token].listed = false;
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
        return (state.isOpened(), state.settled(), _cancelled[instruction]);
    }

    /// @inheritdoc ISettlementVault
    function caps(address token) external view returns (bool listed, uint96 perTransaction, uint96 perDay) {
        Allowance memory allowance = _allowances[token];
        return (allowance.listed, allowance.perTransaction, _limits[token].perDay);
    }

    /// @inheritdoc ISettlementVault
    function spentToday(address token) external view returns (uint256) {
        return _spentOn(token, _today());
    }

    /// @inheritdoc ISettlementVault
    function instructionId(Instruction calldata instruction) external pure returns (bytes32) {
        return _id(instruction);
    }

    /// @dev Pays the words whose bit is set in `payments`, which add up to `amount`, as far as the token lets, and returns
    /// the bits that were paid. State and caps are taken before the first call, so nothing that happens inside a token
    /// finds them untaken.
    function _settle(
        bytes32 id,
        address token,
        bytes32[] calldata words,
        uint256 payments,
        uint256 amount,
        uint256 state
    ) private returns (uint256) {
        _reserve(token, amount, _today());
        state = state.take(payments);
        _states[id] = state;

        uint256 before = _balance(token);
        (uint256 failed, uint256 failedAmount) = PackedPayments.transferAll(id, token, words, payments);
        if (failed != 0) {
            _states[id] = state.giveBack(failed);
            _unreserve(token, failedAmount);
            payments &= ~failed;
            amount -= failedAmount;
        }
        // At least: a payee who sends something back in the middle must not be able to stop the others.
        uint256 left = _balance(token);
        if (left + amount < before) revert VaultOvercharged(token, amount, before - left);
        emit Paid(id, token, payments, amount);
        return payments;
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
        bytes32 listHash = PackedPayments.listHash(words);
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
            bytes32(_ask(address(anchor), ILedgerAnchor.commitment.selector, 0)),
            LogRecord.instructionLeaf(address(this), header, instruction),
            book,
            header.seq,
            proof
        );
        if (fault != ILedgerAnchor.LogFault.None) revert NotInLog(fault);
    }

    /// @dev Checks a deposit before the token is called; returns the vault's balance.
    function _beforeDeposit(address token, uint256 value) private view returns (uint256) {
        if (!_allowances[token].listed) revert TokenNotListed(token);
        if (value == 0) revert ZeroAmount();
        return _balance(token);
    }

    /// @dev Credits what arrived, if it is what was promised.
    function _afterDeposit(
        address token,
        address from,
        uint256 value,
        bytes32 merchantReference,
        uint256 before
    ) private {
        uint256 arrived = _balance(token) - before;
        if (arrived != value) revert AmountMismatch(token, value, arrived);
        emit Deposited(merchantReference, token, from, value);
    }

    /// @dev The vault's balance.
    function _balance(address token) private view returns (uint256) {
        return _ask(token, IERC20.balanceOf.selector, uint160(address(this)));
    }

    /// @dev Asks for one word with one argument, without Solidity's coder because every payout asks three times. Where
    /// there is no contract there is no answer, and a refusal.
    function _ask(address target, bytes4 selector, uint256 argument) private view returns (uint256 answer) {
        bool ok;
        assembly ("memory-safe") {
            mstore(0x00, selector)
            mstore(0x04, argument)
            ok := staticcall(gas(), target, 0x00, 0x24, 0x00, 0x20)
            ok := and(ok, gt(returndatasize(), 0x1f))
            answer := mload(0x00)
        }
        if (!ok) revert NotAContract(target);
    }

    /// @dev Days since 1970 UTC.
    function _today() private view returns (uint56) {
        return uint56(block.timestamp / 1 days);
    }

    /// @dev hashStruct(Instruction), EIP-712. Every member is static, so the calldata is the struct's encoding. A member
    /// with bits beyond its type makes an id that nobody signs, because nobody can encode it.
    function _id(Instruction calldata instruction) private pure returns (bytes32 id) {
        bytes32 typeHash = INSTRUCTION_TYPEHASH;
        assembly ("memory-safe") {
            let m := mload(0x40)
            mstore(m, typeHash)
            calldatacopy(add(m, 0x20), instruction, 0x100)
            id := keccak256(m, 0x120)
        }
    }
}
