// The camera: seen live in the place of a picture until one still is taken.

import { make, show } from "./elements.js";

const REFUSALS = {
  NotAllowedError: "The camera is blocked: allow it for this page in the browser, or choose a file.",
  NotFoundError: "There is no camera. Choose a file.",
};

/** Whether the browser gives a camera to this page: over https, or from this machine. */
export const isCameraOffered = () => isSecureContext && Boolean(navigator.mediaDevices?.getUserMedia);

const endAll = (stream) => stream?.getTracks().forEach((track) => track.stop());

/**
 * Buttons, and over `place` what the camera sees, until one of them is pressed: then `take(video, [width, height])` is
 * called, or not. `refuse(sentence)` says why there is no camera, or none any more. `stop()` ends it at any time.
 */
export function makeCamera(place, take, refuse) {
  const video = Object.assign(make("video"), { autoplay: true, muted: true, playsInline: true, hidden: true });
  video.setAttribute("aria-label", "What the camera sees");
  place.append(video);
  const [start, shoot, cancel] = ["Camera", "Take it", "Stop"].map((text) => make("button", "cs-button", text));
  let [stream, request] = [null, 0];

  function offer(button, isOn) {
    const isHeld = [start, shoot, cancel].includes(document.activeElement);
    for (const each of [start, shoot]) show(each, each === button);
    for (const each of [cancel, video]) show(each, isOn);
    if (isHeld) (button ?? cancel).focus(); // the keyboard is not left on a button that has gone
  }
  function stop() {
    request++; // what is still asked for comes too late
    endAll(stream);
    stream = video.srcObject = null;
    offer(start, false);
  }
  function fail(sentence) {
    stop();
    refuse(sentence);
  }

  start.onclick = async () => {
    const own = ++request;
    offer(null, true);
    refuse("");
    try {
      const given = await navigator.mediaDevices.getUserMedia({ video: true });
      if (own !== request) return endAll(given);
      stream = video.srcObject = given;
    } catch (error) {
      if (own === request) fail(REFUSALS[error.name] ?? `The camera cannot be used: ${error.message || error.name}.`);
      return;
    }
    stream.getVideoTracks()[0].onended = () => own === request && fail("The camera has stopped.");
  };
  video.onloadeddata = () => offer(shoot, true);
  shoot.onclick = () => {
    take(video, [video.videoWidth, video.videoHeight]);
    stop();
  };
  cancel.onclick = stop;
  stop();
  return { buttons: [start, shoot, cancel], stop };
}
