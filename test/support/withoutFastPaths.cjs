// Loaded in front of a plane: takes away what src/plane/borrowedReads.ts builds on, as another version of Node might.
const { TCP } = /** @type {any} */ (process).binding('tcp_wrap');
Object.defineProperty(TCP.prototype, 'useUserBuffer', { value: undefined });
// And what src/plane/ssh/packetBuffer.ts knows AES-GCM by, as another version of ssh2 might: no cipher has a name of its own.
const names = new WeakMap();
Object.defineProperty(Object.prototype, '_encSSLName', {
  configurable: true,
  get() { return names.get(this); },
  set(value) { names.set(this, value); },
});
