// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// @title What became of an instruction, in one word
/// @dev The highest bit: the instruction was opened; without it a full failure would leave the state zero and could be
/// replayed. Every other bit i: payment i is settled, made or cancelled. Each operation works on every bit by itself, so
/// that what the model checker proves of a narrow word (scripts/smt.ts) holds for this one.
library InstructionState {
    uint256 internal constant OPENED = 1 << 255;

    /// @notice Whether the instruction was opened.
    function isOpened(uint256 state) internal pure returns (bool) {
        return OPENED & ~state == 0;
    }

    /// @notice Whether none of these payments is settled.
    function areOpen(uint256 state, uint256 payments) internal pure returns (bool) {
        return payments & state == 0;
    }

    /// @notice The payments that are settled.
    function settled(uint256 state) internal pure returns (uint256) {
        return state & ~OPENED;
    }

    /// @notice Of the payments asked for, those that are still open.
    function open(uint256 state, uint256 asked) internal pure returns (uint256) {
        return asked & ~state;
    }

    /// @notice The state while these payments are being made: taken as settled before the first call.
    function take(uint256 state, uint256 payments) internal pure returns (uint256) {
        return state | OPENED | payments;
    }

    /// @notice The state after some of the payments that were taken failed.
    function giveBack(uint256 state, uint256 failed) internal pure returns (uint256) {
        return state & ~failed;
    }

    /// @notice The state after a payment was cancelled.
    function cancel(uint256 state, uint256 payment) internal pure returns (uint256) {
        return state | payment;
    }
}
