// Loaded in front of a plane: a name of the test's own has the addresses that CULVERT_TEST_ADDRESSES lists, or the file that it names, as if a DNS said so.
const { readFileSync } = process.getBuiltinModule('node:fs');
const dns = process.getBuiltinModule('node:dns');
const { isIP } = process.getBuiltinModule('node:net');

const { lookup } = dns;
const listed = process.env['CULVERT_TEST_ADDRESSES'] ?? '';

/** They may change while the plane runs. */
function addresses() {
  const text = listed.startsWith('/') ? readFileSync(listed, 'utf8') : listed;
  return text.trim().split(' ').map((address) => ({ address, family: isIP(address) }));
}

/** @type {any} */ (dns).lookup = (/** @type {string} */ host, /** @type {any} */ options, /** @type {any} */ callback) => {
  if (host === 'addresses.test' && options.all === true) process.nextTick(callback, null, addresses());
  else lookup(host, options, callback);
};
