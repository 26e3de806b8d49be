// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";

/// @title The owner of the contracts
/// @notice A proposer (the Safe) can only propose: cancelling belongs to the group's owner key and the guardian, so stolen
/// proposer keys neither pass an act nor stop one. Anybody executes what is due. There is no administrator beside the
/// timelock itself, not even during deployment.
contract Timelock is TimelockController {
    /// @param minDelay seconds between proposal and execution
    /// @param proposer the Safe
    /// @param cancellers the group's owner key and the guardian
    constructor(
        uint256 minDelay,
        address proposer,
        address[] memory cancellers
    ) TimelockController(minDelay, _only(proposer), _only(address(0)), address(0)) {
        // OpenZeppelin makes every proposer a canceller too.
        _revokeRole(CANCELLER_ROLE, proposer);
        for (uint256 i = 0; i < cancellers.length; ++i) _grantRole(CANCELLER_ROLE, cancellers[i]);
    }

    function _only(address account) private pure returns (address[] memory accounts) {
        accounts = new address[](1);
        accounts[0] = account;
    }
}
