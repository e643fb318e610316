// Sends a transfer with WeTransfer's official SDK for its API v1, unmodified, and
// prints what it sent as one line of JSON:
//
//   {"transfer": {"id", "url", "files": […], "links": […]}}
//
// with {"name", "size", "sha256"} of each file. FERRY_URL and FERRY_KEY say to whom.
'use strict';

const createWTClient = require('js-sdk-v1');
const { file, pointAt, print, run } = require('./sending');

run(async ({ url, key }) => {
  pointAt(url, 'js-sdk-v1');
  const client = await createWTClient(key);

  const sent = [file('v1-big.bin', 13111521, 5), file('v1-few.txt', 9, 6)];
  const transfer = await client.transfer.create({ name: 'From the old JavaScript SDK', description: 'v1' });
  const items = await client.transfer.addItems(
    transfer.id,
    sent.map((f, i) => ({
      content_identifier: 'file',
      local_identifier: `file-${i}`,
      filename: f.name,
      filesize: f.size,
    }))
  );
  for (const item of items) {
    await client.transfer.uploadFile(item, sent.find((f) => f.name === item.name).content);
  }

  // addItems drops the url of a link (0.2.0 knows files only), so the link goes
  // out by the function that addItems itself sends with.
  const routes = require('js-sdk-v1/src/config/routes');
  const request = require('js-sdk-v1/src/request');
  const links = await request.send(routes.items(transfer.id), {
    items: [
      {
        content_identifier: 'web_content',
        local_identifier: 'link-0',
        url: 'https://example.org/',
        meta: { title: 'Example' },
      },
    ],
  });

  print({ transfer: { id: transfer.id, url: transfer.shortened_url, files: sent, links } });
});
