#define DEMO_SEED 0x5eed
