// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {ISettlementVault} from "./interfaces/ISettlementVault.sol";

/// @title What the vault remembers: which payments are settled, and what was paid of each token today
/// @dev Kept apart from signatures, proofs and tokens so that the model checker (scripts/smt.ts) proves the very code that
/// runs. Everything is taken before the token is called and given back for the payees who failed.
abstract contract SettlementAccounting {
    /// @dev Bit 255 of a state: the instruction was opened. Bits 0 to 254: word i is settled. One slot an instruction;
    /// without the flag a full failure would leave the state zero and could be replayed.
    uint256 internal constant OPENED = 1 << 255;

    struct Caps {
        bool listed;
        uint96 perTransaction;
        uint96 perDay;
    }

    struct Spent {
        uint64 day;
        uint128 amount;
    }

    mapping(bytes32 instruction => uint256 state) internal _states;
    mapping(bytes32 instruction => uint256 bits) internal _cancelled;
    mapping(address token => Caps) internal _caps;
    /// @dev Outlives unlisting, so that listing again does not open a fresh day.
    mapping(address token => Spent) internal _spent;

    /// @dev Takes `amount` out of today's and this transaction's caps, or refuses.
    function _reserve(address token, uint256 amount) internal {
        Caps memory cap = _caps[token];
        if (!cap.listed) revert ISettlementVault.TokenNotListed(token);
        if (amount > cap.perTransaction) {
            revert ISettlementVault.OverTransactionCap(token, cap.perTransaction, amount);
        }
        uint256 today = block.timestamp / 1 days;
        uint256 before = _spentOn(token, today);
        if (before + amount > cap.perDay) revert ISettlementVault.OverDailyCap(token, cap.perDay, before, amount);
        // Both are at most perDay, which is a uint96.
        _spent[token] = Spent(uint64(today), uint128(before + amount));
    }

    /// @dev Gives back what was reserved in this transaction for payees who failed.
    function _unreserve(address token, uint256 amount) internal {
        _spent[token].amount -= uint128(amount);
    }

    /// @dev What was paid of a token on a day, counted in days since 1970 UTC.
    function _spentOn(address token, uint256 day) internal view returns (uint256) {
        Spent memory spent = _spent[token];
        return spent.day == day ? spent.amount : 0;
    }
}
