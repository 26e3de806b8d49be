// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// @title Payments packed into words: payee (20 bytes), amount (12 bytes)
/// @dev In assembly because this is what every payee costs. At most 255 words; the caller checks that.
library PackedPayments {
    /// @dev Gas that every payee's transfer is offered: several times what a stablecoin behind a proxy needs.
    uint256 private constant TRANSFER_GAS = 200_000;
    /// @dev Gas that must be left before a transfer so that it is offered all of it (EIP-150 keeps back 1/64) and enough
    /// remains to write down a failure: 200,000 * 64 / 63 + 25,000. A relayer who starves the call makes the transaction
    /// revert, not the payee fail.
    uint256 private constant GAS_BEFORE_TRANSFER = 228_175;
    uint256 private constant AMOUNT_MASK = 0xffffffffffffffffffffffff;
    /// @dev What assembly cannot name: transfer(address,uint256), and ISettlementVault's NotEnoughGas and PaymentFailed.
    uint256 private constant TRANSFER = 0xa9059cbb;
    uint256 private constant NOT_ENOUGH_GAS = 0x2bb3e3ba;
    uint256 private constant PAYMENT_FAILED = 0xdfb7b55d7101e63a305e4572c3c1668e2d5f19508607077c42f14f3b32c7efd3;

    /// @notice keccak(word_0 || word_1 || ...).
    /// @param words the words
    function listHash(bytes32[] calldata words) internal pure returns (bytes32 hash) {
        assembly ("memory-safe") {
            let m := mload(0x40)
            let size := shl(5, words.length)
            calldatacopy(m, words.offset, size)
            hash := keccak256(m, size)
        }
    }

    /// @notice Sum of the amounts; 255 of 96 bits cannot overflow.
    /// @param words the words
    function sum(bytes32[] calldata words) internal pure returns (uint256 total) {
        assembly ("memory-safe") {
            let from := words.offset
            for {
                let end := add(from, shl(5, words.length))
            } lt(from, end) {
                from := add(from, 0x20)
            } {
                total := add(total, and(calldataload(from), AMOUNT_MASK))
            }
        }
    }

    /// @notice Sum of the amounts of some words.
    /// @param words the words
    /// @param mask bit i is set if word i counts
    function sumOf(bytes32[] calldata words, uint256 mask) internal pure returns (uint256 total) {
        for (uint256 i = 0; i < words.length; ++i) {
            if ((mask >> i) & 1 == 1) total += uint96(uint256(words[i]));
        }
    }

    /// @notice Calls the token once for every payment; one that fails is recorded and skipped.
    /// @dev Paid means that the call went through and the token answered true, or nothing at all as some old tokens do; the
    /// caller checks that the token is a contract. A word that names nobody, nothing, the vault or the token itself is a
    /// failed payment: a transfer to any of them would burn money or leave the ledger and the vault apart.
    /// @param id the instruction
    /// @param token the token
    /// @param words its words
    /// @param payments bit i is set if word i is to be paid
    /// @return failed bit i is set if word i was not paid
    /// @return failedAmount what those add up to
    function transferAll(
        bytes32 id,
        address token,
        bytes32[] calldata words,
        uint256 payments
    ) internal returns (uint256 failed, uint256 failedAmount) {
        assembly ("memory-safe") {
            // Memory from m: selector and arguments, right-aligned so that the selector stays where it is.
            let m := mload(0x40)
            mstore(m, TRANSFER)
            for {
                let i := 0
            } payments {
                i := add(i, 1)
                payments := shr(1, payments)
            } {
                if iszero(and(payments, 1)) {
                    continue
                }
                if lt(gas(), GAS_BEFORE_TRANSFER) {
                    mstore(m, NOT_ENOUGH_GAS)
                    mstore(add(m, 0x20), i)
                    mstore(add(m, 0x40), gas())
                    mstore(add(m, 0x60), GAS_BEFORE_TRANSFER)
                    revert(add(m, 0x1c), 0x64)
                }
                let amount := calldataload(add(words.offset, shl(5, i)))
                let payee := shr(96, amount)
                amount := and(amount, AMOUNT_MASK)
                let paid := 0
                mstore(0x00, 0)
                if iszero(or(or(iszero(payee), iszero(amount)), or(eq(payee, address()), eq(payee, token)))) {
                    mstore(add(m, 0x20), payee)
                    mstore(add(m, 0x40), amount)
                    // At most 32 bytes of the answer are copied: a token cannot make the vault pay for a long one.
                    paid := call(TRANSFER_GAS, token, 0, add(m, 0x1c), 0x44, 0x00, 0x20)
                    if returndatasize() {
                        paid := and(paid, and(gt(returndatasize(), 0x1f), eq(mload(0x00), 1)))
                    }
                }
                if iszero(paid) {
                    failed := or(failed, shl(i, 1))
                    failedAmount := add(failedAmount, amount)
                    mstore(add(m, 0x60), i)
                    mstore(add(m, 0x80), payee)
                    mstore(add(m, 0xa0), amount)
                    mstore(add(m, 0xc0), shl(224, shr(224, mload(0x00))))
                    log2(add(m, 0x60), 0x80, PAYMENT_FAILED, id)
                }
            }
        }
    }
}
