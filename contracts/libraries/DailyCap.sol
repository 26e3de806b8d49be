// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// @title The arithmetic of a token's caps
/// @dev Apart from storage and from the token so that the model checker (scripts/smt.ts) proves the very functions that the
/// vault runs. `remaining` is what may still be paid on `day`; on another day it is perDay. `excess` is by how much a day's
/// payments are over perDay, which happens when the cap is lowered below them; then nothing remains.
library DailyCap {
    enum Fault {
        None,
        Transaction,
        Day
    }

    /// @notice Takes an amount out of what a transaction and the day may pay.
    /// @return fault which cap refuses it
    /// @return left what remains of the day
    function reserve(
        uint256 perTransaction,
        uint256 remaining,
        uint256 amount
    ) internal pure returns (Fault fault, uint256 left) {
        if (amount > perTransaction) return (Fault.Transaction, remaining);
        if (amount > remaining) return (Fault.Day, remaining);
        unchecked {
            return (Fault.None, remaining - amount);
        }
    }

    /// @notice What was paid on the day.
    function spent(uint256 perDay, uint256 excess, uint256 remaining) internal pure returns (uint256) {
        return perDay + excess - remaining;
    }

    /// @notice Changes the day's cap; what was paid stays counted.
    /// @return remaining what may still be paid
    /// @return excess by how much the payments are over it
    function recap(uint256 alreadySpent, uint256 perDay) internal pure returns (uint256 remaining, uint256 excess) {
        return alreadySpent > perDay ? (uint256(0), alreadySpent - perDay) : (perDay - alreadySpent, uint256(0));
    }
}
