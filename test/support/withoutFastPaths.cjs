// Loaded in front of a plane: takes away what src/plane/borrowedReads.ts builds on, as another version of Node might.
const { TCP } = /** @type {any} */ (process).binding('tcp_wrap');
const { Pipe } = /** @type {any} */ (process).binding('pipe_wrap');
for (const { prototype } of [TCP, Pipe]) {
  if (typeof prototype.useUserBuffer !== 'function') throw new Error('there is nothing to take away');
  Object.defineProperty(prototype, 'useUserBuffer', { value: undefined });
}
// And what src/plane/ssh/packetBuffer.ts knows AES-GCM by, as another version of ssh2 might: no cipher has a name of its own.
const names = new WeakMap();
Object.defineProperty(Object.prototype, '_encSSLName', {
  configurable: true,
  get() { return names.get(this); },
  set(value) { names.set(this, value); },
});
