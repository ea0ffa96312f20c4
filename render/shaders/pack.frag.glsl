// Pack pass, once per video frame: the codes of a luma plane become texels of 128 bits.
//
// The target is RGBA32UI, as wide as the atlas. Texel layers lie below each other: layer l fills the
// rows from l * (atlas rows) on and holds the channels from l * CODES_PER_TEXEL on, each as
// code - lowest code in CODE_BITS bits; the first one lies in the lowest bits of x.

#define CODES_PER_TEXEL (128 / CODE_BITS)
#define CODES_PER_WORD (32 / CODE_BITS)

#ifdef PICTURE_IS_COLOR
// A picture that only came as colors: its red stands for luma, and a line leads back to codes.
uniform sampler2D uLuma;
uniform vec2 uCalibration;  // code = 255 * red * x + y

int lumaAt(ivec2 at) {
  return int(floor(255.0 * texelFetch(uLuma, at, 0).r * uCalibration.x + uCalibration.y + 0.5));
}
#else
uniform usampler2D uLuma;  // R8UI or R16UI, row 0 is the top of the picture

int lumaAt(ivec2 at) {
  return int(texelFetch(uLuma, at, 0).r);
}
#endif

uniform ivec4 uLayout;  // atlas rows, tile columns, cell rows, cell columns
uniform ivec2 uCodes;   // lowest and highest code

layout(location = 0) out highp uvec4 oTexel;

// A walk over the channels of one atlas position, whose cells follow each other row by row.
struct Walk {
  int channel;
  int tile;  // column of the channel's cell
  ivec2 at;  // in the luma plane
};

uint nextCode(inout Walk walk) {
  if (walk.channel >= CHANNELS) return 0u;
  uint code = uint(clamp(lumaAt(walk.at), uCodes.x, uCodes.y) - uCodes.x);
  walk.channel += 1;
  walk.tile += 1;
  walk.at.x += uLayout.w;
  if (walk.tile == uLayout.y) {
    walk.tile = 0;
    walk.at += ivec2(-uLayout.y * uLayout.w, uLayout.z);
  }
  return code;
}

uint nextWord(inout Walk walk) {
  uint word = 0u;
  for (int i = 0; i < CODES_PER_WORD; ++i) {
    word |= nextCode(walk) << uint(i * CODE_BITS);
  }
  return word;
}

void main() {
  ivec2 at = ivec2(gl_FragCoord.xy);
#if TEXEL_LAYERS == 1
  Walk walk = Walk(0, 0, at);
#else
  int layer = at.y / uLayout.x;
  at.y -= layer * uLayout.x;
  int channel = layer * CODES_PER_TEXEL;
  ivec2 cell = ivec2(channel % uLayout.y, channel / uLayout.y);
  Walk walk = Walk(channel, cell.x, at + cell * uLayout.wz);
#endif
  uint x = nextWord(walk);
  uint y = nextWord(walk);
  uint z = nextWord(walk);
  uint w = nextWord(walk);
  oTexel = uvec4(x, y, z, w);
}
