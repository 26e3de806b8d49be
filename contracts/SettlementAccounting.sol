// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {ISettlementVault} from "./interfaces/ISettlementVault.sol";

/// @title What the vault remembers: which payments are settled, and what may still be paid of each token today
/// @dev Kept apart from signatures, proofs and tokens so that the model checker (scripts/smt.ts) proves the very code that
/// runs. Everything is taken before the token is called and given back for the payees who failed.
abstract contract SettlementAccounting {
    /// @dev Bit 255 of a state: the instruction was opened. Bits 0 to 254: word i is settled. One slot an instruction;
    /// without the flag a full failure would leave the state zero and could be replayed.
    uint256 internal constant OPENED = 1 << 255;

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
    struct DailyCap {
        uint96 perDay;
        uint96 excess;
    }

    mapping(bytes32 instruction => uint256 state) internal _states;
    mapping(bytes32 instruction => uint256 bits) internal _cancelled;
    /// @dev Outlives unlisting, so that listing again does not open a fresh day.
    mapping(address token => Allowance) internal _allowances;
    mapping(address token => DailyCap) internal _dailyCaps;

    /// @dev Takes `amount` out of today's and this transaction's caps, or refuses.
    function _reserve(address token, uint256 amount) internal {
        Allowance storage allowance = _allowances[token];
        (bool listed, uint56 day, uint96 perTransaction, uint96 remaining) = (
            allowance.listed,
            allowance.day,
            allowance.perTransaction,
            allowance.remaining
        );
        if (!listed) revert ISettlementVault.TokenNotListed(token);
        if (amount > perTransaction) revert ISettlementVault.OverTransactionCap(token, perTransaction, amount);
        uint56 today = _today();
        if (day != today) remaining = _openDay(token);
        if (amount > remaining) {
            revert ISettlementVault.OverDailyCap(token, _dailyCaps[token].perDay, _spentToday(token), amount);
        }
        unchecked {
            // amount <= remaining was just checked.
            (allowance.day, allowance.remaining) = (today, remaining - uint96(amount));
        }
    }

    /// @dev What may be paid of a token on a new day.
    function _openDay(address token) private returns (uint96) {
        DailyCap storage cap = _dailyCaps[token];
        if (cap.excess != 0) cap.excess = 0;
        return cap.perDay;
    }

    /// @dev Gives back what was reserved in this transaction for payees who failed.
    function _unreserve(address token, uint256 amount) internal {
        _allowances[token].remaining += uint96(amount);
    }

    /// @dev Lists a token or changes its caps; what was paid today stays counted.
    function _setCaps(address token, uint96 perTransaction, uint96 perDay) internal {
        uint256 spent = _spentToday(token);
        bool isOver = spent > perDay;
        _allowances[token] = Allowance(true, _today(), perTransaction, isOver ? 0 : perDay - uint96(spent));
        _dailyCaps[token] = DailyCap(perDay, isOver ? uint96(spent - perDay) : 0);
    }

    /// @dev What was paid of a token today.
    function _spentToday(address token) internal view returns (uint256) {
        Allowance memory allowance = _allowances[token];
        if (allowance.day != _today()) return 0;
        DailyCap memory cap = _dailyCaps[token];
        return uint256(cap.perDay) + cap.excess - allowance.remaining;
    }

    /// @dev Days since 1970 UTC.
    function _today() private view returns (uint56) {
        return uint56(block.timestamp / 1 days);
    }
}
