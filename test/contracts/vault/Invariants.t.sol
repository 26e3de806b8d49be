// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {TestStablecoin} from "../../../contracts/mocks/TestStablecoin.sol";
import {VaultFixture} from "../support/VaultFixture.sol";

/// @dev Does to a vault what the runner draws: pays, retries, cancels, blocks payees, deposits, lets time pass, and keeps
/// its own account of what may have happened.
contract VaultDriver is VaultFixture {
    uint256 private constant PAYEES = 6;
    uint96 private constant CAP = 400_000e6;

    Payable[] private drawn;
    uint256 public paidOut;
    uint256 public received;
    uint256 public worstDay;
    bool public paidTwice;
    bool public paidCancelled;
    bool public miscounted;

    mapping(bytes32 id => uint256 bits) private paidBits;
    mapping(bytes32 id => uint256 bits) private cancelledBits;
    uint256 private day;
    uint256 private paidThatDay;

    constructor() {
        deployVault();
        vault.setCaps(address(token), PER_TRANSACTION, CAP);
    }

    function vaultBalance() external view returns (uint256) {
        return token.balanceOf(address(vault));
    }

    function start() external pure returns (uint256) {
        return FUNDS;
    }

    function cap() external pure returns (uint256) {
        return CAP;
    }

    function draw(uint8 count, uint96[PAYEES] memory amounts) external {
        bytes32[] memory list = new bytes32[](between(count, 1, PAYEES));
        for (uint256 i = 0; i < list.length; ++i) {
            list[i] = word(payee(i), uint96(between(amounts[i], 0, 100_000e6)));
        }
        Payable memory p = draft(list);
        p.instruction.index = uint16(drawn.length);
        drawn.push(sign(publish(p)));
    }

    function payOne(uint256 which) external {
        if (drawn.length == 0) return;
        Payable memory p = refresh(drawn[which % drawn.length]);
        uint256 before = token.balanceOf(address(vault));
        try vault.pay(p.instruction, p.words, p.header, p.proof, p.signature) returns (uint256 bits) {
            book(p, bits, before);
        } catch {}
    }

    function retryAll(uint256 which) external {
        if (drawn.length == 0) return;
        Payable memory p = drawn[which % drawn.length];
        uint8[] memory indexes = new uint8[](p.words.length);
        for (uint256 i = 0; i < indexes.length; ++i) indexes[i] = uint8(i);
        uint256 before = token.balanceOf(address(vault));
        try vault.retry(p.instruction, p.words, indexes) returns (uint256 bits) {
            book(p, bits, before);
        } catch {}
    }

    function cancelOne(uint256 which, uint8 index) external {
        if (drawn.length == 0) return;
        Payable memory p = drawn[which % drawn.length];
        index = uint8(index % p.words.length);
        try vault.cancel(p.id, index, cancelSignature(p.id, index)) {
            cancelledBits[p.id] |= 1 << index;
        } catch {}
    }

    function setBlocked(uint256 which, bool blocked) external {
        token.setBlocked(payee(which % PAYEES), blocked);
    }

    function plainTransfer(uint64 amount) external {
        token.mint(address(vault), amount);
        received += amount;
    }

    function pass(uint32 seconds_) external {
        vm.warp(block.timestamp + (seconds_ % 3 hours));
    }

    function book(Payable memory p, uint256 bits, uint256 before) private {
        if (bits & paidBits[p.id] != 0) paidTwice = true;
        if (bits & cancelledBits[p.id] != 0) paidCancelled = true;
        paidBits[p.id] |= bits;
        uint256 amount;
        for (uint256 i = 0; i < p.words.length; ++i) {
            if ((bits >> i) & 1 == 1) amount += uint96(uint256(p.words[i]));
        }
        // A flag, because the runner takes a revert in here for a refused call.
        if (before - token.balanceOf(address(vault)) != amount) miscounted = true;
        paidOut += amount;
        if (block.timestamp / 1 days != day) (day, paidThatDay) = (block.timestamp / 1 days, 0);
        paidThatDay += amount;
        if (paidThatDay > worstDay) worstDay = paidThatDay;
    }
}

contract VaultInvariants is VaultFixture {
    VaultDriver private driver;

    function setUp() public {
        driver = new VaultDriver();
    }

    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(driver);
    }

    function invariant_noUnitIsMadeLostOrPaidTwice() public view {
        eq(driver.vaultBalance() + driver.paidOut(), driver.start() + driver.received(), "the vault's books balance");
        no(driver.miscounted(), "what left the vault is what the bits say");
        no(driver.paidTwice(), "nothing is paid twice");
        no(driver.paidCancelled(), "nothing cancelled is paid");
    }

    function invariant_noDayPaysMoreThanItsCap() public view {
        yes(driver.worstDay() <= driver.cap(), "under the cap");
    }
}
