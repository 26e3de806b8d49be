/** Loaded before the program that the launcher started: when the launcher is gone, even by SIGKILL, the program is told to stop instead of going on unseen. */
if (process.channel) {
  process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
  process.channel.unref();
}
