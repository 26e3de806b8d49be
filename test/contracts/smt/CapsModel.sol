// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {DailyCap} from "../../../contracts/libraries/DailyCap.sol";

/// @dev Proven by the model checker (scripts/smt.ts), never deployed: no transaction pays more than its cap, no day more
/// than its own, and the accounting knows to the unit what was paid that day. By induction over transactions: `start` is
/// the listing; every other function takes any caps for which the invariant holds, does what the vault does, and asserts
/// the invariant again.
contract CapsModel {
    /// @dev Wider than uint96, in which the vault keeps them, so that nothing is proven by overflow.
    uint256 private constant LIMIT = 2 ** 100;

    function start(uint256 perDay) external pure {
        (uint256 remaining, uint256 excess) = DailyCap.recap(0, perDay);
        assert(holds(perDay, excess, remaining, 0));
    }

    function payOut(
        uint256 perTransaction,
        uint256 perDay,
        uint256 excess,
        uint256 remaining,
        uint256 paid,
        uint256 amount,
        uint256 failed
    ) external pure {
        require(holds(perDay, excess, remaining, paid));
        (DailyCap.Fault fault, uint256 left) = DailyCap.reserve(perTransaction, remaining, amount);
        require(fault == DailyCap.Fault.None);
        // Whoever failed is given back.
        require(failed <= amount);
        left += failed;
        paid += amount - failed;
        assert(amount <= perTransaction);
        assert(amount == failed || paid <= perDay);
        assert(DailyCap.spent(perDay, excess, left) == paid);
        assert(left <= remaining);
        assert(holds(perDay, excess, left, paid));
    }

    function newDay(uint256 perDay) external pure {
        // _openDay: all of perDay remains, there is no excess, nothing was paid.
        assert(holds(perDay, 0, perDay, 0));
    }

    function setCaps(uint256 perDay, uint256 excess, uint256 remaining, uint256 paid, uint256 newPerDay) external pure {
        require(holds(perDay, excess, remaining, paid));
        (uint256 newRemaining, uint256 newExcess) = DailyCap.recap(
            DailyCap.spent(perDay, excess, remaining),
            newPerDay
        );
        assert(newRemaining <= newPerDay);
        assert(DailyCap.spent(newPerDay, newExcess, newRemaining) == paid);
        assert(holds(newPerDay, newExcess, newRemaining, paid));
    }

    /// @dev The invariant: the caps and what was paid add up, and where there is an excess nothing remains.
    function holds(uint256 perDay, uint256 excess, uint256 remaining, uint256 paid) private pure returns (bool) {
        require(perDay < LIMIT && excess < LIMIT && remaining < LIMIT && paid < LIMIT);
        return perDay + excess == paid + remaining && (excess == 0 || remaining == 0);
    }
}
