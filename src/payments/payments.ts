/** The door of payments: orders come in here, and how far each payment is comes out. */
export {
  advancePayments,
  type CoordinatorDependencies,
  type DirectoryEntry,
  type PaymentProgress,
  type ScreeningOutcome,
  type VaultCaps,
} from './coordinator.ts';
export { PAYMENTS_READER, projectRecords, type ProjectionDependencies } from './projection.ts';
export { FINAL_STATES, PAYMENT_TRANSITIONS, type PaymentState } from './state.ts';
export {
  eventsOf,
  findOrderFile,
  findPayment,
  findPaymentByHold,
  isAnyHeld,
  listPayments,
  paymentsOfOrder,
  type OrderFile,
  type Payment,
  type PaymentEvent,
} from './store.ts';
export { requirePayment, submitOrderFile, type OrderSubmission, type SubmittedOrder } from './orders.ts';
export * from './pain001/xsd-store.ts';
