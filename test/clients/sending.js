// What the drivers of the SDKs share: files to send, and where to.
'use strict';

const crypto = require('crypto');

// file makes a file of size bytes that seed decides; no two parts of it are alike.
function file(name, size, seed) {
  const content = crypto
    .createCipheriv('aes-128-ctr', Buffer.alloc(16, seed), Buffer.alloc(16))
    .update(Buffer.alloc(size));
  return { name, size, content };
}

// pointAt makes an SDK talk to url. The SDKs have no setting for it: each writes
// WeTransfer's address into the defaults of its own copy of axios when it is
// loaded, so this comes after.
function pointAt(url, sdk) {
  const axios = require(require.resolve('axios', { paths: [require.resolve(sdk)] }));
  axios.defaults.baseURL = url;
}

// print writes a result as one line of JSON, with the hash of every file's content
// in place of the content.
function print(result) {
  const line = JSON.stringify(result, (key, value) => {
    if (value === null || !Buffer.isBuffer(value.content)) return value;
    const { name, size, content } = value;
    return { name, size, sha256: crypto.createHash('sha256').update(content).digest('hex') };
  });
  process.stdout.write(line + '\n');
}

// run runs a driver, and ends with status 1 and the server's words when it fails.
function run(driver) {
  driver({ url: process.env.FERRY_URL, key: process.env.FERRY_KEY }).catch((error) => {
    console.error(error);
    for (let cause = error; cause; cause = cause.raw) {
      if (cause.response) console.error(cause.response.status, JSON.stringify(cause.response.data));
    }
    process.exit(1);
  });
}

module.exports = { file, pointAt, print, run };
