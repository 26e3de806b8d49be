/** The door of governance: what the operators' commands do. Loaded when one of them runs, because Safe's kit comes with it. */
export { cancelCommand } from './commands/cancel.ts';
export { executeCommand } from './commands/execute.ts';
export { pauseCommand } from './commands/pause.ts';
export { proposeCommand } from './commands/propose.ts';
export { signCommand } from './commands/sign.ts';
export { statusCommand } from './commands/status.ts';
