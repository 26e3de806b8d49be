// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC3009} from "@openzeppelin/contracts/token/ERC20/extensions/draft-ERC3009.sol";
import {ERC20Pausable} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Pausable.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";

/// @title A stablecoin for tests and local chains, worth nothing
/// @notice What the real ones have: permit, EIP-3009, pause, a block list, and an owner who mints.
contract TestStablecoin is ERC20Permit, ERC3009, ERC20Pausable, Ownable {
    uint8 private immutable DECIMALS;

    /// @notice Whether an account may neither send nor receive.
    mapping(address account => bool) public blocked;

    /// @notice The account is on the issuer's block list.
    error Blocked(address account);

    /// @notice An account was put on the block list or taken off.
    event BlockListChanged(address indexed account, bool blocked);

    /// @param label the name after the words "Test token "
    /// @param symbol the ticker
    /// @param decimals_ digits after the point
    /// @param issuer who mints, pauses and blocks
    constructor(
        string memory label,
        string memory symbol,
        uint8 decimals_,
        address issuer
    ) ERC20(_testName(label), symbol) ERC20Permit(_testName(label)) Ownable(issuer) {
        DECIMALS = decimals_;
    }

    /// @notice Makes tokens. Issuer only.
    function mint(address to, uint256 amount) external onlyOwner {
        _mint(to, amount);
    }

    /// @notice Puts an account on the block list or takes it off. Issuer only.
    function setBlocked(address account, bool blocked_) external onlyOwner {
        blocked[account] = blocked_;
        emit BlockListChanged(account, blocked_);
    }

    /// @notice Stops every transfer. Issuer only.
    function pause() external onlyOwner {
        _pause();
    }

    /// @notice Allows transfers again. Issuer only.
    function unpause() external onlyOwner {
        _unpause();
    }

    /// @notice Digits after the point.
    function decimals() public view override returns (uint8) {
        return DECIMALS;
    }

    function _update(address from, address to, uint256 value) internal override(ERC20, ERC20Pausable) {
        if (blocked[from]) revert Blocked(from);
        if (blocked[to]) revert Blocked(to);
        super._update(from, to, value);
    }

    function _testName(string memory label) private pure returns (string memory) {
        return string.concat("Test token ", label);
    }
}
