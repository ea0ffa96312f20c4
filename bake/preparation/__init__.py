"""Own videos to a compact capture: cameras, one timeline, masks, crops, and videos written anew."""
