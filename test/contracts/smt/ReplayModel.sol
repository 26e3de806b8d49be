// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {InstructionState} from "../../../contracts/libraries/InstructionState.sol";

/// @dev Proven by the model checker (scripts/smt.ts), never deployed: nothing is paid twice, nothing cancelled is paid, an
/// instruction is opened once. By induction over transactions: every function takes any history for which the invariant
/// holds, as it does for the empty one, does what the vault does, and asserts the invariant again. `state` is what the
/// vault keeps; `paid`, `cancelled` and `wasOpened` are what really happened. Words are compared as sets, x & ~y == 0 for
/// "x is in y", which is what Z3 can follow.
contract ReplayModel {
    using InstructionState for uint256;

    /// @dev `pay` and `retry`: they differ in what they demand of the flag.
    function settle(
        uint256 state,
        uint256 paid,
        uint256 cancelled,
        bool wasOpened,
        bool isRetry,
        uint256 asked,
        uint256 failed
    ) external pure {
        require(paid & ~state == 0 && cancelled & ~state == 0 && paid & cancelled == 0);
        require(state.isOpened() == wasOpened);
        // Bit 255 is no payment: there are at most 255 words.
        require(asked & InstructionState.OPENED == 0);
        // The vault's own condition.
        require(state.isOpened() == isRetry);
        assert(wasOpened == isRetry);

        uint256 payments = state.open(asked);
        uint256 taken = state.take(payments);
        // Any of the payments may fail.
        require(failed & ~payments == 0);
        uint256 made = payments & ~failed;
        assert(made & paid == 0);
        assert(made & cancelled == 0);

        uint256 next = taken.giveBack(failed);
        uint256 nowPaid = paid | made;
        assert(nowPaid & ~next == 0);
        assert(cancelled & ~next == 0);
        assert(nowPaid & cancelled == 0);
        assert(next.isOpened());
    }

    function cancel(uint256 state, uint256 paid, uint256 cancelled, bool wasOpened, uint256 payment) external pure {
        require(paid & ~state == 0 && cancelled & ~state == 0 && paid & cancelled == 0);
        require(state.isOpened() == wasOpened);
        require(payment & InstructionState.OPENED == 0);
        // The vault's own condition.
        require(state.areOpen(payment));
        assert(payment & paid == 0);

        uint256 next = state.cancel(payment);
        uint256 nowCancelled = cancelled | payment;
        assert(paid & ~next == 0);
        assert(nowCancelled & ~next == 0);
        assert(paid & nowCancelled == 0);
        assert(next.isOpened() == wasOpened);
    }
}
