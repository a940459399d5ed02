/** The whole screen, and one that stays on; what a browser lacks is simply absent. */

/** Fills the screen, if the browser allows it now: only just after a click or a key. */
export const fillScreen = () => document.documentElement.requestFullscreen?.().catch(() => {});

export const leaveScreen = () => document.fullscreenElement && document.exitFullscreen().catch(() => {});

/** Keeps the screen on until `signal` is aborted. */
export function awake(signal) {
  let lock = null;
  const hold = async () => {
    if (document.hidden || !navigator.wakeLock) return;
    lock = await navigator.wakeLock.request('screen').catch(() => null);
    if (signal.aborted) lock?.release();
  };
  hold();
  document.addEventListener('visibilitychange', hold, { signal }); // the browser lets go of it meanwhile
  signal.addEventListener('abort', () => lock?.release());
}
