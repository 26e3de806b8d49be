// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";
import {LedgerAnchor} from "../../contracts/LedgerAnchor.sol";
import {Timelock} from "../../contracts/Timelock.sol";
import {Check} from "./support/Vm.sol";

/// @dev Who can do what to the contracts, and when.
contract TimelockTest is Check {
    address private constant SAFE = address(0x5afe);
    address private constant OWNER_KEY = address(0x0123);
    address private constant GUARDIAN = address(0x6a7d1a);
    address private constant ANYBODY = address(0xa17);
    uint256 private constant DELAY = 48 hours;

    Timelock private timelock;
    LedgerAnchor private ledgerAnchor;
    bytes private rotation;

    function setUp() public {
        vm.warp(1_760_000_000);
        address[] memory cancellers = new address[](2);
        (cancellers[0], cancellers[1]) = (OWNER_KEY, GUARDIAN);
        timelock = new Timelock(DELAY, SAFE, cancellers);
        ledgerAnchor = new LedgerAnchor(address(timelock), GUARDIAN, address(1));
        rotation = abi.encodeCall(ledgerAnchor.setPoster, (address(2)));
    }

    function test_anActPassesAfterTheDelayAndAnybodyExecutesIt() public {
        bytes32 id = propose();
        vm.warp(block.timestamp + DELAY - 1);
        vm.expectPartialRevert(TimelockController.TimelockUnexpectedOperationState.selector);
        execute();
        vm.warp(block.timestamp + 1);
        vm.prank(ANYBODY);
        execute();
        eq(ledgerAnchor.poster(), address(2), "rotated");
        yes(timelock.isOperationDone(id), "done");
    }

    function test_theOwnerKeyAndTheGuardianCancel() public {
        address[2] memory cancellers = [OWNER_KEY, GUARDIAN];
        for (uint256 i = 0; i < cancellers.length; ++i) {
            bytes32 id = propose();
            vm.prank(cancellers[i]);
            timelock.cancel(id);
            no(timelock.isOperation(id), "cancelled");
        }
    }

    function test_theProposerOnlyProposes() public {
        bytes32 id = propose();
        refusesRole(SAFE, timelock.CANCELLER_ROLE());
        timelock.cancel(id);
    }

    function test_nobodyElseProposesOrAdministers() public {
        address[3] memory others = [OWNER_KEY, GUARDIAN, address(this)];
        bytes32 proposer = timelock.PROPOSER_ROLE();
        bytes32 admin = timelock.DEFAULT_ADMIN_ROLE();
        for (uint256 i = 0; i < others.length; ++i) {
            refusesRole(others[i], proposer);
            timelock.schedule(address(ledgerAnchor), 0, rotation, 0, 0, DELAY);
            refusesRole(others[i], admin);
            timelock.grantRole(proposer, others[i]);
        }
        yes(timelock.hasRole(admin, address(timelock)), "the timelock administers itself");
        no(timelock.hasRole(admin, SAFE), "and nobody else does");
    }

    function refusesRole(address caller, bytes32 role) private {
        vm.prank(caller);
        vm.expectRevert(abi.encodeWithSelector(IAccessControl.AccessControlUnauthorizedAccount.selector, caller, role));
    }

    function propose() private returns (bytes32) {
        vm.prank(SAFE);
        timelock.schedule(address(ledgerAnchor), 0, rotation, 0, 0, DELAY);
        return timelock.hashOperation(address(ledgerAnchor), 0, rotation, 0, 0);
    }

    function execute() private {
        timelock.execute(address(ledgerAnchor), 0, rotation, 0, 0);
    }
}
