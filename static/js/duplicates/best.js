/** The copy to keep, as the device proposes it; where it proposes none, differences are from the first photo. */
export const bestOf = ({ images, keep, keep_reason: reason }) => ({
  image: images.find(({ id }) => id === keep) ?? images[0],
  reason: keep === null ? null : reason, // no reason, no proposal
});
