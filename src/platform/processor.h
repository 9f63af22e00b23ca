// What this machine's processor has beyond what Highway knows of.
#pragma once

namespace outrider {

// Arm's dot products of bytes, SDOT and UDOT; false on other processors.
bool has_arm_dot_products();

}  // namespace outrider
