// SPDX-License-Identifier: Apache-2.0
// solhint-disable one-contract-per-file
pragma solidity ^0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @title OpenZeppelin's ERC-20 with 6 decimals and nothing else
contract PlainToken is ERC20 {
    constructor() ERC20("Test token plain", "tPLN") {}

    /// @notice Makes tokens, for anybody.
    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    /// @notice Digits after the point.
    function decimals() public pure override returns (uint8) {
        return 6;
    }
}

/// @title Two arrays, as Disperse pays; a payee who fails stops all
contract Disperse {
    /// @dev The token said no.
    error NotPaid(address payee);

    /// @notice Takes the sum from the caller and pays everybody.
    function disperseToken(IERC20 token, address[] calldata payees, uint256[] calldata amounts) external {
        uint256 total;
        for (uint256 i = 0; i < payees.length; ++i) total += amounts[i];
        if (!token.transferFrom(msg.sender, address(this), total)) revert NotPaid(address(this));
        for (uint256 i = 0; i < payees.length; ++i) {
            if (!token.transfer(payees[i], amounts[i])) revert NotPaid(payees[i]);
        }
    }
}

/// @title Packed calls in a row, as Safe's MultiSendCallOnly makes them; a call that fails stops all
contract MultiSend {
    /// @notice Makes the calls: operation u8 (ignored), to, value u256 (ignored), length u256, data.
    function multiSend(bytes calldata transactions) external {
        assembly ("memory-safe") {
            let i := transactions.offset
            let end := add(i, transactions.length)
            let m := mload(0x40)
            for {} lt(i, end) {} {
                let to := shr(96, calldataload(add(i, 0x01)))
                let size := calldataload(add(i, 0x35))
                calldatacopy(m, add(i, 0x55), size)
                if iszero(call(gas(), to, 0, m, size, 0, 0)) {
                    returndatacopy(0, 0, returndatasize())
                    revert(0, returndatasize())
                }
                i := add(i, add(0x55, size))
            }
        }
    }
}

/// @title Packed words and a bitmap of who was paid, without proof, signature or caps: the least that skip-on-fail costs
contract PackedPayout {
    /// @notice Bits of the words that were paid, by id and by word number / 256.
    mapping(bytes32 id => mapping(uint256 bucket => uint256 bits)) public paid;

    /// @notice Payments were made.
    event Paid(bytes32 indexed id, uint256 bits);

    /// @notice Pays every word, skipping whom the token refuses.
    function pay(bytes32 id, address token, bytes32[] calldata words) external {
        for (uint256 bucket = 0; bucket << 8 < words.length; ++bucket) {
            uint256 bits = paid[id][bucket];
            uint256 end = (bucket + 1) << 8;
            if (end > words.length) end = words.length;
            for (uint256 i = bucket << 8; i < end; ++i) {
                if (_transfer(token, words[i])) bits |= 1 << (i & 255);
            }
            paid[id][bucket] = bits;
            emit Paid(id, bits);
        }
    }

    function _transfer(address token, bytes32 word) private returns (bool ok) {
        bytes4 selector = IERC20.transfer.selector;
        assembly ("memory-safe") {
            let m := mload(0x40)
            mstore(m, selector)
            mstore(add(m, 0x04), shr(96, word))
            mstore(add(m, 0x24), and(word, 0xffffffffffffffffffffffff))
            ok := call(gas(), token, 0, m, 0x44, 0x00, 0x20)
            ok := and(ok, or(iszero(returndatasize()), and(gt(returndatasize(), 0x1f), eq(mload(0x00), 1))))
        }
    }
}
