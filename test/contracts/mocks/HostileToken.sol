// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @dev A token that treats each payee as told: every way in which a token or a payee's hook can hurt a vault.
contract HostileToken is ERC20 {
    enum Behaviour {
        Honest,
        ReturnsFalse,
        ReturnsNothing,
        ReturnsTwo,
        ReturnsOneByte,
        ReturnsABomb,
        Reverts,
        BurnsAllGas,
        NeedsMuchGas,
        Reenters,
        SendsOneBack,
        TakesTwice,
        TakesAFee
    }

    mapping(address payee => Behaviour) public behaviour;
    address public reentryTarget;
    bytes public reentryCall;
    bytes public reentryAnswer;
    bool public reentrySucceeded;

    constructor() ERC20("Hostile", "HOS") {}

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function set(address payee, Behaviour behaviour_) external {
        behaviour[payee] = behaviour_;
    }

    function setReentry(address target, bytes calldata call_) external {
        reentryTarget = target;
        reentryCall = call_;
    }

    function transfer(address to, uint256 amount) public override returns (bool) {
        Behaviour b = behaviour[to];
        if (b == Behaviour.Reverts) revert("no");
        if (b == Behaviour.BurnsAllGas) {
            assembly {
                invalid()
            }
        }
        if (b == Behaviour.NeedsMuchGas) burn(150_000);
        if (b == Behaviour.Reenters) {
            (reentrySucceeded, reentryAnswer) = reentryTarget.call(reentryCall);
        }
        if (b == Behaviour.ReturnsFalse) return false;
        _transfer(msg.sender, to, amount);
        if (b == Behaviour.SendsOneBack) _transfer(to, msg.sender, 1);
        if (b == Behaviour.TakesTwice) _burn(msg.sender, amount);
        if (b == Behaviour.TakesAFee) _burn(to, amount / 100);
        assembly {
            switch b
            case 2 {
                return(0, 0)
            }
            case 3 {
                mstore(0, 2)
                return(0, 32)
            }
            case 4 {
                mstore8(0, 1)
                return(0, 1)
            }
            case 5 {
                mstore(0, 1)
                return(0, 20000)
            }
        }
        return true;
    }

    function transferFrom(address from, address to, uint256 amount) public override returns (bool) {
        super.transferFrom(from, to, amount);
        if (behaviour[to] == Behaviour.TakesAFee) _burn(to, amount / 100);
        return true;
    }

    function burn(uint256 gasToBurn) private view {
        uint256 end = gasleft() - gasToBurn;
        while (gasleft() > end) {}
    }
}
