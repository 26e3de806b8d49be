// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// @title Who governs a contract of the deployment, and who signs for it
/// @notice Three parties, none of whom can do another's work. The owner (a timelock) configures. The guardian can only
/// pause. The signer (the group key behind the signer nodes) authorises by EIP-712 signature; whoever relays its
/// signature pays the gas and needs no role.
interface IGoverned {
    /// @notice A signature was not made by the signer over exactly this message, chain and contract.
    /// @param expected the signer now in force
    /// @param recovered what the signature recovers to; zero for a malformed, high-s or over-long one
    error WrongSigner(address expected, address recovered);

    /// @notice Only the owner or the guardian may pause.
    /// @param caller who tried
    error NotOwnerNorGuardian(address caller);

    /// @notice The contract is paused.
    error IsPaused();

    /// @notice The contract is not paused.
    error IsNotPaused();

    /// @notice An address that must be somebody is zero.
    error ZeroAddress();

    /// @notice There is always an owner: giving up ownership would leave a pause without end.
    error OwnershipCannotBeRenounced();

    /// @notice The signer was replaced; every signature of the one before that was not used yet is void.
    /// @param previous the signer until now
    /// @param current the signer from now on
    event SignerChanged(address indexed previous, address indexed current);

    /// @notice The guardian was replaced.
    /// @param previous the guardian until now
    /// @param current the guardian from now on
    event GuardianChanged(address indexed previous, address indexed current);

    /// @notice The contract was paused.
    /// @param by the owner or the guardian
    event Paused(address indexed by);

    /// @notice The contract was unpaused.
    /// @param by the owner
    event Unpaused(address indexed by);

    /// @notice Stops everything that needs the signer. Owner or guardian.
    function pause() external;

    /// @notice Starts again. Owner only: what the guardian stopped, only the timelock starts.
    function unpause() external;

    /// @notice Replaces the guardian. Owner only.
    /// @param newGuardian the guardian from now on; zero leaves the owner alone able to pause
    function setGuardian(address newGuardian) external;

    /// @notice Whether the contract is paused.
    function paused() external view returns (bool);

    /// @notice Who may pause beside the owner.
    function guardian() external view returns (address);
}
