// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {ILedgerAnchor} from "./ILedgerAnchor.sol";

/// @title The vault that holds the merchants' stablecoins and pays their suppliers
/// @notice Money leaves in one way only: an instruction whose record is in the anchored log, signed by the vault signer.
/// Either alone pays nothing. There is no withdrawal, no rescue and no upgrade.
interface ISettlementVault {
    /// @notice A list of payments in one token. Its id is its EIP-712 hashStruct.
    /// @param book the book whose window it settles; the vault serves one book for ever
    /// @param window the settlement window
    /// @param index position of this instruction in the window
    /// @param token the ERC-20 paid
    /// @param listHash keccak of the words, each payee (20 bytes) then amount (12 bytes)
    /// @param count number of words, 1 to 255
    /// @param total sum of their amounts
    /// @param notAfter last second at which anything of it may be paid
    struct Instruction {
        bytes16 book;
        bytes16 window;
        uint16 index;
        address token;
        bytes32 listHash;
        uint8 count;
        uint128 total;
        uint64 notAfter;
    }

    /// @notice What the instruction's record in the log carries beside its body.
    /// @param seq sequence number in the book
    /// @param nowMs the book's time of the record, milliseconds
    /// @param fieldsRoot root over the record's fields
    struct RecordHeader {
        uint64 seq;
        uint64 nowMs;
        bytes32 fieldsRoot;
    }

    /// @notice A permit's EIP-2612 signature.
    struct PermitSignature {
        uint8 v;
        bytes32 r;
        bytes32 s;
    }

    /// @notice The instruction belongs to another book.
    error WrongBook(bytes16 expected, bytes16 given);
    /// @notice The instruction can no longer be paid.
    error InstructionExpired(uint64 notAfter, uint256 nowS);
    /// @notice There are more or fewer words than the instruction counts, or none.
    error CountMismatch(uint256 expected, uint256 given);
    /// @notice The words are not those the instruction names.
    error ListMismatch(bytes32 expected, bytes32 given);
    /// @notice The words do not add up to the instruction's total.
    error TotalMismatch(uint256 expected, uint256 given);
    /// @notice The instruction was opened before: what failed then is retried, never paid from the start.
    error AlreadyOpened(bytes32 instruction);
    /// @notice Only an opened instruction can be retried.
    error NotOpened(bytes32 instruction);
    /// @notice The instruction's record is not in the log as it stands.
    error NotInLog(ILedgerAnchor.LogFault fault);
    /// @notice There is no such payment.
    error NoSuchPayment(bytes32 instruction, uint8 index);
    /// @notice The payment was made, or cancelled, before.
    error AlreadySettled(bytes32 instruction, uint8 index);
    /// @notice Nothing of what was asked for is still open.
    error NothingToPay(bytes32 instruction);
    /// @notice The relayer gave too little gas for the next payee to have his full share; nothing was paid.
    error NotEnoughGas(uint256 index, uint256 available, uint256 needed);
    /// @notice The token took more out of the vault than was paid.
    error VaultOvercharged(address token, uint256 paid, uint256 taken);
    /// @notice The token is not listed.
    error TokenNotListed(address token);
    /// @notice The token is listed already.
    error TokenAlreadyListed(address token);
    /// @notice There is no contract at this address.
    error NotAContract(address account);
    /// @notice The amount is over what one transaction may pay of this token.
    error OverTransactionCap(address token, uint256 cap, uint256 asked);
    /// @notice The amount is over what is left of this token for today; the instruction stays open.
    error OverDailyCap(address token, uint256 cap, uint256 spent, uint256 asked);
    /// @notice An amount arrived short: a token that takes a fee, or rebases.
    error AmountMismatch(address token, uint256 expected, uint256 measured);
    /// @notice A token is listed with more units, or its fee would round to nothing.
    error ProbeTooSmall(uint256 least, uint256 given);
    /// @notice An amount that must be something is zero.
    error ZeroAmount();
    /// @notice The deposit's reference was signed for an earlier second.
    error DepositExpired(uint256 deadline, uint256 nowS);
    /// @notice This signed deposit reference was used before.
    error DepositReplayed(bytes32 deposit);
    /// @notice The deposit's reference was not signed by the payer.
    error ReferenceNotSigned(address payer, address recovered);

    /// @notice Payments were made.
    /// @param instruction the instruction's id
    /// @param token the token paid
    /// @param payments bit i is set if word i was paid by this transaction
    /// @param amount what they add up to
    event Paid(bytes32 indexed instruction, address indexed token, uint256 payments, uint256 amount);

    /// @notice A payee could not be paid; the others were. It may be retried until `notAfter`.
    /// @param instruction the instruction's id
    /// @param index the word
    /// @param payee whom
    /// @param amount how much
    /// @param reason first four bytes of what the token answered; zero where it answered nothing
    event PaymentFailed(bytes32 indexed instruction, uint8 index, address payee, uint96 amount, bytes4 reason);

    /// @notice A payment was cancelled and can never be made.
    /// @param instruction the instruction's id
    /// @param index the word
    event Cancelled(bytes32 indexed instruction, uint8 index);

    /// @notice Tokens arrived with a reference that the payer himself signed.
    /// @param merchantReference the merchant's reference
    /// @param token the token
    /// @param from the payer
    /// @param amount what arrived, measured
    event Deposited(bytes32 indexed merchantReference, address indexed token, address indexed from, uint256 amount);

    /// @notice A token was listed, or its caps changed.
    /// @param token the token
    /// @param perTransaction most that one transaction may pay
    /// @param perDay most that one UTC day may pay
    event TokenListed(address indexed token, uint96 perTransaction, uint96 perDay);

    /// @notice A token was taken off the list.
    /// @param token the token
    event TokenUnlisted(address indexed token);

    /// @notice Opens an instruction and pays every word that is not cancelled. Anybody may relay.
    /// @dev A payee whom the token refuses is skipped. A refusal by a cap, by the proof, by the signature or for gas
    /// reverts and leaves the instruction as it was.
    /// @param instruction the instruction
    /// @param words its payments
    /// @param header what its record carries beside
    /// @param proof the way from its record to the log as it stands
    /// @param signature the vault signer's over the instruction, 65 bytes r || s || v
    /// @return payments bit i is set if word i was paid
    function pay(
        Instruction calldata instruction,
        bytes32[] calldata words,
        RecordHeader calldata header,
        ILedgerAnchor.LogProof calldata proof,
        bytes calldata signature
    ) external returns (uint256 payments);

    /// @notice Tries payments of an opened instruction again. Anybody may, until `notAfter`.
    /// @dev Words that are settled meanwhile are skipped, so that relayers who race do not break each other.
    /// @param instruction the instruction
    /// @param words its payments, all of them
    /// @param indexes which to try
    /// @return payments bit i is set if word i was paid
    function retry(
        Instruction calldata instruction,
        bytes32[] calldata words,
        uint8[] calldata indexes
    ) external returns (uint256 payments);

    /// @notice Cancels one payment that is not made yet, for ever, before or after the instruction was opened.
    /// @dev Works while paused: it can only keep money in.
    /// @param instruction the instruction's id
    /// @param index the word
    /// @param signature the vault signer's over Cancel(instruction, index), 65 bytes r || s || v
    function cancel(bytes32 instruction, uint8 index, bytes calldata signature) external;

    /// @notice Takes a deposit by EIP-3009 `receiveWithAuthorization`.
    /// @dev The authorisation's nonce is keccak(reference || salt): whoever relays it cannot put his own reference.
    /// @param token the token
    /// @param from the payer
    /// @param value how much
    /// @param validAfter as in EIP-3009
    /// @param validBefore as in EIP-3009
    /// @param merchantReference the merchant's reference
    /// @param salt random
    /// @param signature the payer's EIP-3009 signature
    function depositWithAuthorization(
        address token,
        address from,
        uint256 value,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 merchantReference,
        bytes32 salt,
        PermitSignature calldata signature
    ) external;

    /// @notice Takes a deposit by EIP-2612 permit.
    /// @dev A permit that fails (used by a front-runner, or a token without one) is ignored if the allowance suffices.
    /// @param owner the payer
    /// @param token the token
    /// @param value how much
    /// @param merchantReference the merchant's reference
    /// @param deadline last second, of the permit and of the reference
    /// @param permit the payer's permit signature
    /// @param referenceSignature the payer's over DepositReference(owner, token, value, reference, deadline), 65 bytes
    function depositWithPermit(
        address owner,
        address token,
        uint256 value,
        bytes32 merchantReference,
        uint256 deadline,
        PermitSignature calldata permit,
        bytes calldata referenceSignature
    ) external;

    /// @notice Lists a token, after a round trip of `probe` units between `prober` and the vault. Owner only.
    /// @dev Refuses tokens that take a fee on transfer. `prober` has approved the vault for `probe` and gets it back.
    /// @param token the token
    /// @param perTransaction most that one transaction may pay
    /// @param perDay most that one UTC day may pay
    /// @param prober who lends the probe
    /// @param probe how many units, at least 10,000, so that a fee of one basis point shows
    function list(address token, uint96 perTransaction, uint96 perDay, address prober, uint256 probe) external;

    /// @notice Changes a listed token's caps. Owner only. What was paid today stays counted.
    /// @param token the token
    /// @param perTransaction most that one transaction may pay
    /// @param perDay most that one UTC day may pay
    function setCaps(address token, uint96 perTransaction, uint96 perDay) external;

    /// @notice Takes a token off the list: nothing of it is paid or deposited any more. Owner only.
    /// @param token the token
    function unlist(address token) external;

    /// @notice Replaces the vault signer. Owner only.
    /// @param newSigner the signer from now on
    function setSigner(address newSigner) external;

    /// @notice Whose signature authorises.
    function signer() external view returns (address);

    /// @notice The log that this vault believes, for ever.
    function anchor() external view returns (ILedgerAnchor);

    /// @notice The book that this vault serves, for ever.
    function book() external view returns (bytes16);

    /// @notice The id of an instruction: its EIP-712 hashStruct.
    /// @param instruction the instruction
    function instructionId(Instruction calldata instruction) external pure returns (bytes32);

    /// @notice What became of an instruction.
    /// @param instruction the instruction's id
    /// @return opened whether it was paid from, so that a full failure cannot be replayed
    /// @return settled bit i is set if word i was paid or cancelled
    /// @return cancelled bit i is set if word i was cancelled
    function instructionState(
        bytes32 instruction
    ) external view returns (bool opened, uint256 settled, uint256 cancelled);

    /// @notice A token's listing and caps.
    /// @param token the token
    /// @return listed whether it is listed
    /// @return perTransaction most that one transaction may pay
    /// @return perDay most that one UTC day may pay
    function caps(address token) external view returns (bool listed, uint96 perTransaction, uint96 perDay);

    /// @notice What was paid of a token in the UTC day of this block.
    /// @param token the token
    function spentToday(address token) external view returns (uint256);
}
