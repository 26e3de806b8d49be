// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {IGoverned} from "./interfaces/IGoverned.sol";
import {Signature} from "./libraries/Signature.sol";

/// @title Owner, guardian, signer and pause
/// @dev Signatures are checked with ecrecover only: the signer is a group key of the signer nodes, never a contract.
abstract contract Governed is IGoverned, Ownable2Step, EIP712 {
    /// @dev Signer and pause share a slot because the hot path reads both. The signer has a slot of its own instead of a
    /// place in the anchor's commitment: there, a stolen key could front-run every rotation.
    address internal _signer;
    bool internal _paused;
    /// @inheritdoc IGoverned
    address public guardian;

    modifier whenNotPaused() {
        if (_paused) revert IsPaused();
        _;
    }

    /// @param initialOwner the timelock
    /// @param initialGuardian who may pause beside it
    /// @param initialSigner whose signature authorises
    constructor(address initialOwner, address initialGuardian, address initialSigner) Ownable(initialOwner) {
        guardian = initialGuardian;
        emit GuardianChanged(address(0), initialGuardian);
        _changeSigner(initialSigner);
    }

    /// @inheritdoc IGoverned
    function pause() external {
        if (msg.sender != guardian && msg.sender != owner()) revert NotOwnerNorGuardian(msg.sender);
        if (_paused) revert IsPaused();
        _paused = true;
        emit Paused(msg.sender);
    }

    /// @inheritdoc IGoverned
    function unpause() external onlyOwner {
        if (!_paused) revert IsNotPaused();
        _paused = false;
        emit Unpaused(msg.sender);
    }

    /// @inheritdoc IGoverned
    function setGuardian(address newGuardian) external onlyOwner {
        emit GuardianChanged(guardian, newGuardian);
        guardian = newGuardian;
    }

    /// @inheritdoc IGoverned
    function paused() external view returns (bool) {
        return _paused;
    }

    /// @notice Always refused, see OwnershipCannotBeRenounced.
    function renounceOwnership() public view override onlyOwner {
        revert OwnershipCannotBeRenounced();
    }

    /// @dev Sets the signer.
    function _changeSigner(address newSigner) internal {
        if (newSigner == address(0)) revert ZeroAddress();
        emit SignerChanged(_signer, newSigner);
        _signer = newSigner;
    }

    /// @dev The signer, or a refusal while paused: both in one read.
    function _signerUnlessPaused() internal view returns (address) {
        uint256 slot;
        assembly ("memory-safe") {
            slot := sload(_signer.slot)
        }
        // The signer is in the lower 160 bits, the pause above them.
        if (slot >> 160 != 0) revert IsPaused();
        return address(uint160(slot));
    }

    /// @dev Refuses unless `expected` signed this struct for this contract on this chain.
    function _requireSigned(address expected, bytes32 structHash, bytes calldata signature) internal view {
        address recovered = Signature.recover(_domainSeparatorV4(), structHash, signature);
        if (recovered != expected) revert WrongSigner(expected, recovered);
    }
}
