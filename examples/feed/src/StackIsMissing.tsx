import { useEffect, useState } from "react";

import { settings } from "./settings";

const LOOK_INTERVAL = 2000;

/** Says so while nothing answers at the host. A page that began without it is loaded again; later the feed comes back by itself. */
const StackIsMissing = () => {
  const [isMissing, setIsMissing] = useState(false);

  useEffect(() => {
    let beganWithout: boolean | undefined;
    const look = async () => {
      const answers = await fetch(`${settings.host}/health`).then(() => true, () => false);
      beganWithout ??= !answers;
      if (answers && beganWithout) location.reload();
      setIsMissing(!answers);
    };
    void look();
    const timer = setInterval(look, LOOK_INTERVAL);
    return () => clearInterval(timer);
  }, []);

  return isMissing ? (
    <p className="warning" role="alert">
      Nothing answers at <code>{settings.host}</code>. Start it with <code>make dev</code>; this page then goes on by itself.
    </p>
  ) : null;
};

export default StackIsMissing;
