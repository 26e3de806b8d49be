// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {ISettlementVault} from "./interfaces/ISettlementVault.sol";
import {DailyCap} from "./libraries/DailyCap.sol";

/// @title What may still be paid of each token today
/// @dev Everything is taken before the token is called and given back for the payees who failed.
abstract contract SettlementAccounting {
    /// @dev One slot, all that a payout reads and writes. `remaining` is what may still be paid on `day`, counted in days
    /// since 1970 UTC; on a later day it begins again at perDay.
    struct Allowance {
        bool listed;
        uint56 day;
        uint96 perTransaction;
        uint96 remaining;
    }

    /// @dev What a payout needs only on the first of a day. `excess` is by how much the day's payments are over perDay,
    /// which happens when the cap is lowered below them.
    struct DailyLimit {
        uint96 perDay;
        uint96 excess;
    }

    /// @dev Outlives unlisting, so that listing again does not open a fresh day.
    mapping(address token => Allowance) internal _allowances;
    mapping(address token => DailyLimit) internal _limits;

    /// @dev Takes `amount` out of today's and this transaction's caps, or refuses. Days are counted since 1970 UTC.
    function _reserve(address token, uint256 amount, uint56 today) internal {
        Allowance storage allowance = _allowances[token];
        (bool listed, uint56 day, uint96 perTransaction, uint96 remaining) = (
            allowance.listed,
            allowance.day,
            allowance.perTransaction,
            allowance.remaining
        );
        if (!listed) revert ISettlementVault.TokenNotListed(token);
        if (day != today) remaining = _openDay(token);
        (DailyCap.Fault fault, uint256 left) = DailyCap.reserve(perTransaction, remaining, amount);
        if (fault == DailyCap.Fault.Transaction)
            revert ISettlementVault.OverTransactionCap(token, perTransaction, amount);
        if (fault == DailyCap.Fault.Day) {
            DailyLimit memory limit = _limits[token];
            revert ISettlementVault.OverDailyCap(
                token,
                limit.perDay,
                DailyCap.spent(limit.perDay, limit.excess, remaining),
                amount
            );
        }
        // At most what remained before, which is a uint96.
        (allowance.day, allowance.remaining) = (today, uint96(left));
    }

    /// @dev What may be paid of a token on a new day.
    function _openDay(address token) private returns (uint96) {
        DailyLimit storage limit = _limits[token];
        if (limit.excess != 0) limit.excess = 0;
        return limit.perDay;
    }

    /// @dev Gives back what was reserved in this transaction for payees who failed.
    function _unreserve(address token, uint256 amount) internal {
        _allowances[token].remaining += uint96(amount);
    }

    /// @dev Lists a token or changes its caps; what was paid today stays counted.
    function _setCaps(address token, uint96 perTransaction, uint96 perDay, uint56 today) internal {
        (uint256 remaining, uint256 excess) = DailyCap.recap(_spentOn(token, today), perDay);
        // Neither is more than a perDay, now or before.
        _allowances[token] = Allowance(true, today, perTransaction, uint96(remaining));
        _limits[token] = DailyLimit(perDay, uint96(excess));
    }

    /// @dev What was paid of a token today, if `today` is not before the last payment.
    function _spentOn(address token, uint56 today) internal view returns (uint256) {
        Allowance memory allowance = _allowances[token];
        if (allowance.day != today) return 0;
        DailyLimit memory limit = _limits[token];
        return DailyCap.spent(limit.perDay, limit.excess, allowance.remaining);
    }
}
